"""Frame in, PerceptionResult out: the one place where depth, masks and camera meet."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import CameraError, ImageError
from unity_depth_perception.core.objects import ObjectDistance
from unity_depth_perception.models.protocols import DepthEstimator, DepthPrediction, Segmentation, Segmenter


@dataclass(frozen=True)
class Frame:
    """One camera image and what is known about it.

    Attributes:
        image: (H, W, 3) uint8 RGB, top row first.
        camera: intrinsics of this image, same size.
        stamp_ns: time of the image [ns], passed through unchanged.
        frame_id: the camera's optical frame, passed through unchanged.
        world_from_camera: (4, 4) float64 pose of the optical frame in a world with z up, if known.
    """

    image: NDArray[np.uint8]
    camera: Camera
    stamp_ns: int = 0
    frame_id: str = ""
    world_from_camera: NDArray[np.float64] | None = None

    def __post_init__(self) -> None:
        if self.image.ndim != 3 or self.image.shape[2] != 3 or self.image.dtype != np.uint8:
            raise ImageError(f"expected an image (H, W, 3) uint8 RGB, got {self.image.shape} {self.image.dtype}")
        if self.image.shape[:2] != (self.camera.height, self.camera.width):
            raise CameraError(
                f"expected a camera of {self.image.shape[1]} x {self.image.shape[0]} px like its image, "
                f"got {self.camera.width} x {self.camera.height}"
            )


@dataclass(frozen=True)
class PerceptionResult:
    """Everything known about one frame; tensors are still on the device.

    Attributes:
        depth: depth at the image's size.
        segmentation: instances at the image's size; object k is `objects[k]`.
        objects: distances, positions and parents.
        stage_s: wall-clock seconds spent in each stage: upload, depth, segmentation, objects.
    """

    frame: Frame
    image: Tensor  # (H, W, 3) uint8 on the device
    depth: DepthPrediction
    segmentation: Segmentation
    objects: tuple[ObjectDistance, ...]
    depth_model: str
    segmentation_model: str
    stage_s: dict[str, float] = field(default_factory=dict)


class PerceptionPipeline:
    """Runs a depth estimator and a segmenter on frames and relates their results."""

    def __init__(self, depth_estimator: DepthEstimator, segmenter: Segmenter) -> None:
        self.depth_estimator = depth_estimator
        self.segmenter = segmenter
