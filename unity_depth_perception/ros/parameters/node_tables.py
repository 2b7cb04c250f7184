"""Parameter tables of the nodes; parameters that several nodes share are declared once. The order has no meaning."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from unity_depth_perception.models.metric_scale import SCALES, DepthScale
from unity_depth_perception.models.runtime.options import ACCELERATIONS, PRECISIONS, DepthOptions
from unity_depth_perception.pipeline import Limits
from unity_depth_perception.ros.parameters.spec import parameter
from unity_depth_perception.ros.topics.outputs import DEPTH_OUTPUTS, DISTANCE_OUTPUTS, OUTPUTS, SEGMENTATION_OUTPUTS

DEPTH_ENCODINGS = ("32FC1", "16UC1")
RELIABILITIES = ("auto", "reliable", "best_effort")
TRANSPORTS = ("raw", "compressed")
SOURCES = ("synthetic", "dataset", "video")
COLOUR_ENCODINGS = ("rgb8", "rgba8", "bgr8", "bgra8")
_OUTPUTS_HELP = "topics to publish; one that is left out is not computed even if it has subscribers"


@dataclass(frozen=True)
class FrameConfig:
    """Parameters of every node that processes frames."""

    autostart: bool = parameter(True, "configure and activate at start, without a lifecycle manager")
    device: str = parameter("auto", "torch device: auto, cpu, cuda, cuda:1, ...")
    camera_intrinsics_file: str = parameter(
        "", "camera_intrinsics.json, used when no camera_info arrives; also tells the image size to prepare models for"
    )
    vertical_fov_deg: float = parameter(
        0.0,
        "vertical field of view [deg] (Unity's Camera.fieldOfView), used when there is neither camera_info nor a file; "
        "0: unknown",
        minimum=0.0,
        maximum=179.0,
    )
    outputs: tuple[str, ...] = parameter(OUTPUTS, _OUTPUTS_HELP, choices=OUTPUTS, read_only=False)

    @property
    def limits(self) -> Limits:
        """Objects and depths that the node leaves out: none."""
        return Limits()


@dataclass(frozen=True)
class ImageConfig(FrameConfig):
    """Parameters of the nodes that take colour images."""

    image_transport: str = parameter(
        "raw", "raw: image_raw; compressed: image_raw/compressed (JPEG, PNG)", choices=TRANSPORTS
    )
    image_reliability: str = parameter(
        "auto", "reliability of the image subscription; auto adopts the publisher's", choices=RELIABILITIES
    )
    flip_vertical: bool = parameter(
        False, "the image's first row is its bottom row, as in the raw bytes of a Unity texture", read_only=False
    )


@dataclass(frozen=True)
class PoseConfig:
    """Source of the camera pose."""

    world_frame: str = parameter(
        "", "fixed frame with z up: the camera's pose is then taken from tf (needs tf2_ros); empty: from camera_pose"
    )


@dataclass(frozen=True)
class DepthRangeConfig:
    """Range of valid depth."""

    min_depth_m: float = parameter(
        0.0, "what is nearer [m] becomes invalid (NaN)", minimum=0.0, maximum=1000.0, read_only=False
    )
    max_depth_m: float = parameter(
        0.0,
        "what is farther [m] becomes +Inf, like sky; 0: no limit",
        minimum=0.0,
        maximum=100_000.0,
        read_only=False,
    )

    @property
    def far_m(self) -> float:
        """The largest valid depth [m]; infinite without a limit."""
        return self.max_depth_m or math.inf


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
        "none", "torch.compile or CUDA graph of the depth model; it runs without where it cannot", choices=ACCELERATIONS
    )
    depth_correct_focal: bool = parameter(
        False,
        "of Depth Anything V2 indoor, which knows one camera: scale its metres to this focal length (first order)",
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
        return DepthOptions(self.depth_size_px, self.depth_precision, self.depth_acceleration, self.depth_correct_focal)

    @property
    def depth_scale(self) -> DepthScale:
        """Source of the metric scale of relative depth."""
        return DepthScale(self.scale, self.metres_per_unit)


@dataclass(frozen=True)
class SegmentationModelConfig:
    """Segmentation back end and minimum score of its objects."""

    segmentation_model: str = parameter("compact", "segmentation by name, or path to a trained checkpoint")
    min_score: float = parameter(
        0.0, "objects with a lower score are left out", minimum=0.0, maximum=1.0, read_only=False
    )


@dataclass(frozen=True)
class PerceptionConfig(SegmentationModelConfig, DepthModelConfig, DepthRangeConfig, PoseConfig, ImageConfig):
    """Parameters of perception_node."""

    @property
    def limits(self) -> Limits:
        """Limits of score and depth."""
        return Limits(self.min_score, self.min_depth_m, self.far_m)


@dataclass(frozen=True)
class DepthConfig(DepthModelConfig, DepthRangeConfig, ImageConfig):
    """Parameters of depth_node, which takes no camera pose."""

    scale: str = parameter(
        "none",
        "metres of a depth model that knows none: none refuses it; fixed takes metres_per_unit",
        choices=("none", "fixed"),
    )
    outputs: tuple[str, ...] = parameter(DEPTH_OUTPUTS, _OUTPUTS_HELP, choices=DEPTH_OUTPUTS, read_only=False)

    @property
    def limits(self) -> Limits:
        """Limits of depth."""
        return Limits(0.0, self.min_depth_m, self.far_m)


@dataclass(frozen=True)
class SegmentationConfig(SegmentationModelConfig, ImageConfig):
    """Parameters of segmentation_node."""

    outputs: tuple[str, ...] = parameter(
        SEGMENTATION_OUTPUTS, _OUTPUTS_HELP, choices=SEGMENTATION_OUTPUTS, read_only=False
    )

    @property
    def limits(self) -> Limits:
        """Limit of score."""
        return Limits(self.min_score)


@dataclass(frozen=True)
class DistanceConfig(DepthRangeConfig, PoseConfig, FrameConfig):
    """Parameters of distance_node."""

    outputs: tuple[str, ...] = parameter(DISTANCE_OUTPUTS, _OUTPUTS_HELP, choices=DISTANCE_OUTPUTS, read_only=False)
    sync_tolerance_s: float = parameter(
        0.0,
        "how far the stamps of depth and instance image may lie apart [s]; 0: they must be the same",
        minimum=0.0,
        maximum=10.0,
    )
    depth_scatter: float = parameter(
        0.0,
        "standard deviation of object depths, relative to their distance, where the floor's depths do not show it; "
        "0.02 beside a depth_node with depth_model compact",
        minimum=0.0,
        maximum=1.0,
    )

    @property
    def limits(self) -> Limits:
        """Limits of depth."""
        return Limits(0.0, self.min_depth_m, self.far_m)


@dataclass(frozen=True)
class VirtualUnityConfig:
    """Parameters of virtual_unity_node."""

    autostart: bool = parameter(True, "configure and activate at start, without a lifecycle manager")
    source: str = parameter(
        "synthetic", "synthetic: random scenes; dataset: the folder `path`; video: the file `path`", choices=SOURCES
    )
    path: str = parameter("", "dataset folder or video file; both start again at their end")
    width: int = parameter(1024, "image width [px] of synthetic scenes", minimum=16, maximum=8192)
    height: int = parameter(1024, "image height [px] of synthetic scenes", minimum=16, maximum=8192)
    vertical_fov_deg: float = parameter(
        0.0,
        "vertical field of view [deg] of synthetic scenes and of videos; 0: each scene draws its own",
        minimum=0.0,
        maximum=120.0,
    )
    rate_hz: float = parameter(10.0, "frames per second", minimum=0.1, maximum=120.0)
    jitter: float = parameter(
        0.0, "largest deviation of a frame's interval, relative to the interval", minimum=0.0, maximum=0.9
    )
    seed: int = parameter(0, "seed of the first scene; the next scene has the next seed", minimum=0, maximum=2**31 - 1)
    frames: int = parameter(0, "frames to publish before it stops; 0: endless", minimum=0, maximum=10**9)
    frames_per_scene: int = parameter(10, "frames that show the same synthetic scene", minimum=1, maximum=10**6)
    frame_id: str = parameter("unity_camera_optical", "frame_id of everything that is published")
    image_transport: str = parameter(
        "raw", "raw: image_raw; compressed: image_raw/compressed (JPEG)", choices=TRANSPORTS
    )
    encoding: str = parameter("rgb8", "encoding of raw images", choices=COLOUR_ENCODINGS)
    flip_vertical: bool = parameter(False, "send the bottom row first, as the raw bytes of a Unity texture are")
    camera_info: bool = parameter(True, "publish camera_info; some Unity projects don't")
