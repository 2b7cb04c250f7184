"""Parameters of the models, which several nodes share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from unity_depth_perception.models.metric_scale import SCALES, DepthScale
from unity_depth_perception.models.runtime.options import (
    ACCELERATIONS,
    CUBE_EDGE_M,
    CUBE_EDGES_M,
    PRECISIONS,
    DepthOptions,
)
from unity_depth_perception.ros.parameters.spec import parameter

DEPTH_ENCODINGS = ("32FC1", "16UC1")


@dataclass(frozen=True)
class DepthModelConfig:
    """Depth back end and encoding of its output."""

    depth_model: str = parameter(
        "compact", "depth back end by name, or path of weights of train-depth; compact is embedded, needs no download"
    )
    depth_weights: str = parameter(
        "", "file or folder of the depth model's weights; empty: embedded, or from the Hugging Face cache or hub"
    )
    depth_size_px: int = parameter(
        0,
        "side of the image that the depth model sees [px] (Depth Anything 3: longest, V2: shortest); 0: its own; "
        "otherwise at least 28",
        minimum=0,
        maximum=4096,
    )
    depth_precision: str = parameter("auto", "arithmetic of the depth model", choices=PRECISIONS)
    depth_acceleration: str = parameter(
        "none",
        "how the depth model is run: torch.compile, a CUDA graph, an inference engine, or auto, the fastest engine "
        "that is installed (extras onnx, openvino); in plain torch where it cannot",
        choices=ACCELERATIONS,
    )
    depth_correct_focal: bool = parameter(
        False,
        "of Depth Anything V2 indoor, which knows one camera: scale its metres to this focal length (first order)",
    )
    cube_edge_m: float = parameter(
        CUBE_EDGE_M,
        "edge of the cubes in the scene [m], from which the depth model compact knows its metres; of no other model",
        minimum=CUBE_EDGES_M[0],
        maximum=CUBE_EDGES_M[1],
    )
    scale: str = parameter(
        "none",
        "metres of a depth model that knows none: none refuses it; median_to_pose puts the floor as far below the "
        "camera as camera_pose is above z = 0; fixed takes metres_per_unit",
        choices=SCALES,
    )
    metres_per_unit: float = parameter(1.0, "factor of scale fixed", minimum=1e-6, maximum=1e6)
    depth_encoding: str = parameter(
        "32FC1", "depth/image_rect in metres (32FC1) or millimetres (16UC1)", choices=DEPTH_ENCODINGS, read_only=False
    )

    @property
    def weights(self) -> Path | None:
        """Path of the depth model's weights; None: embedded, or from the Hugging Face cache or hub."""
        return Path(self.depth_weights).expanduser() if self.depth_weights else None

    @property
    def depth_options(self) -> DepthOptions:
        """Input size, precision and acceleration of the depth model."""
        return DepthOptions(
            self.depth_size_px,
            self.depth_precision,
            self.depth_acceleration,
            self.depth_correct_focal,
            cube_edge_m=self.cube_edge_m,
            proposer_acceleration=getattr(self, "segmentation_acceleration", None),
        )

    @property
    def depth_scale(self) -> DepthScale:
        """Source of the metric scale of relative depth."""
        return DepthScale(self.scale, self.metres_per_unit)


@dataclass(frozen=True)
class SegmentationModelConfig:
    """Segmentation back end and minimum score of its objects."""

    segmentation_model: str = parameter("compact", "segmentation by name, or path to a trained checkpoint")
    segmentation_acceleration: str = parameter(
        "none",
        "how the detector's dense part is run, which compact depth shares; values as of depth_acceleration",
        choices=ACCELERATIONS,
    )
    min_score: float = parameter(
        0.0, "objects with a lower score are left out", minimum=0.0, maximum=1.0, read_only=False
    )
