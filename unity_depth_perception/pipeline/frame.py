"""Inputs and output of the pipeline: Frame, Limits, PerceptionResult."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from unity_depth_perception.core.camera import Camera, Lens
from unity_depth_perception.core.errors import CameraError, ImageError, PoseError
from unity_depth_perception.core.ground_plane import up_from_pose
from unity_depth_perception.core.objects import ObjectDistance
from unity_depth_perception.core.support_relations.evidence import ParentLink
from unity_depth_perception.models.protocols import DepthPrediction, Segmentation


@dataclass(frozen=True)
class Frame:
    """One camera image and what is known about it.

    Attributes:
        image: (H, W, 3) uint8 RGB, top row first; None where depth and instances are given, and no model needs it.
        camera: pinhole intrinsics of this image, same size; of its rectified picture where a lens is given.
        stamp_ns: time of the image [ns], passed through unchanged.
        frame_id: the camera's optical frame, passed through unchanged.
        world_from_camera: (4, 4) float64 pose of the optical frame in a world with z up, if known.
        gravity: (3,) float64 unit vector of gravity in the optical frame, if known; by default that of the pose.
        lens: lens of a raw picture, same size, which the pipeline rectifies; None: the image is rectified.
    """

    image: NDArray[np.uint8] | None
    camera: Camera
    stamp_ns: int = 0
    frame_id: str = ""
    world_from_camera: NDArray[np.float64] | None = None
    gravity: NDArray[np.float64] | None = None
    lens: Lens | None = None

    def __post_init__(self) -> None:
        if self.image is not None:
            _require_image(self.image, self.camera if self.lens is None else self.lens.camera)
        if self.gravity is None and self.world_from_camera is not None:
            object.__setattr__(self, "gravity", -up_from_pose(self.world_from_camera))
        elif self.gravity is not None:
            object.__setattr__(self, "gravity", _unit_vector(self.gravity))

    @property
    def rgb(self) -> NDArray[np.uint8]:
        """The image, where it is needed.

        Raises:
            ImageError: the frame has none.
        """
        if self.image is None:
            raise ImageError("expected a frame with an image, got one with depth and instances alone")
        return self.image

    def without_pose(self) -> Frame:
        """The same frame with neither pose nor gravity known."""
        return replace(self, world_from_camera=None, gravity=None)


def _require_image(image: NDArray[np.uint8], camera: Camera) -> None:
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise ImageError(f"expected an image (H, W, 3) uint8 RGB, got {image.shape} {image.dtype}")
    if image.shape[:2] != (camera.height, camera.width):
        raise CameraError(
            f"expected a camera of {image.shape[1]} x {image.shape[0]} px like its image, "
            f"got {camera.width} x {camera.height}"
        )


def _unit_vector(gravity: NDArray[np.float64]) -> NDArray[np.float64]:
    vector = np.asarray(gravity, dtype=np.float64)
    length = float(np.linalg.norm(vector)) if vector.shape == (3,) else math.nan
    if not (length > 0 and math.isfinite(length)):
        raise PoseError(
            f"expected gravity as a direction (x, y, z) in the optical frame (x right, y down, z forward), "
            f"got {gravity}"
        )
    return vector if abs(length - 1) < 1e-12 else vector / length


@dataclass(frozen=True)
class Limits:
    """Limits on the objects and the depth of a frame.

    Attributes:
        min_score: objects with a lower score are left out.
        min_depth_m: nearer depth becomes invalid (NaN).
        max_depth_m: farther depth becomes +Inf, like sky.
    """

    min_score: float = 0.0
    min_depth_m: float = 0.0
    max_depth_m: float = math.inf


@dataclass(frozen=True)
class PerceptionResult:
    """Everything known about one frame; tensors are still on the device.

    Attributes:
        frame: the input, its image as it came (perhaps not rectified); without its pose if that contradicts the image.
        image: (H, W, 3) uint8 on the device, rectified; None where the frame has none.
        depth: depth at the image's size.
        segmentation: instances at the image's size; object k is `objects[k]`.
        objects: distances, positions and parents.
        depth_model, segmentation_model: names of the models; "given" where the caller supplied the result.
        stage_s: seconds in each stage, on a GPU by its clock: upload, proposals, segmentation, depth, objects, support;
            of stages that run side by side, what each adds to those before.
        links: supporter of each object, with its probability; None for the floor.
        pose_error: why the camera's pose was ignored: it contradicts the image. None if it was not.
    """

    frame: Frame
    image: Tensor | None
    depth: DepthPrediction
    segmentation: Segmentation
    objects: tuple[ObjectDistance, ...]
    depth_model: str
    segmentation_model: str
    stage_s: dict[str, float] = field(default_factory=dict)
    links: tuple[ParentLink | None, ...] = ()
    pose_error: PoseError | None = None

    @property
    def rgb(self) -> Tensor:
        """The image on the device, where it is needed.

        Raises:
            ImageError: the frame has none.
        """
        if self.image is None:
            raise ImageError("expected a result with an image, got one of depth and instances alone")
        return self.image
