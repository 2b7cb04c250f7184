"""Scene: the value type of a reconstruction, from which all 3D file formats are written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import InputError, shown
from unity_depth_perception.core.gaussians import Gaussians
from unity_depth_perception.core.pose import require_rigid
from unity_depth_perception.models.protocols import SCALE_SOURCES

WORLDS = {
    "z_up": "right-handed, z up (ROS, REP 103)",
    "optical": "right-handed optical frame of the first view: x right, y down, z forward",
    "given": "right-handed, axes as in the poses that were given (a COLMAP model)",
    "unity": "Unity's world in ROS axes: right-handed, x = Unity's z, y = -Unity's x, z = Unity's y (up)",
}
"""World frames that a scene can have, with their axes."""


@dataclass(frozen=True)
class SceneView:
    """One image of a scene with its camera; H x W is the camera's size.

    Attributes:
        name: file name of the image, unique in the scene, without folders.
        camera: intrinsics of image, depth and confidence.
        world_from_camera: (4, 4) float64 rigid pose of the optical frame.
        depth_m: (H, W) float32 planar depth [m]; NaN invalid, +Inf sky.
        image: (H, W, 3) uint8 RGB.
        confidence: (H, W) float32, higher is more confident.
    """

    name: str
    camera: Camera
    world_from_camera: NDArray[np.float64]
    depth_m: NDArray[np.float32] | None = None
    image: NDArray[np.uint8] | None = None
    confidence: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        if not self.name or self.name in (".", "..") or any(mark in self.name for mark in "/\\\0\n\r"):
            raise InputError(f"expected the name of a view as a file name without folders, got {shown(self.name)}")
        size = (self.camera.height, self.camera.width)
        _require(f"view {self.name}: pose", self.world_from_camera, (4, 4), np.float64)
        require_rigid(self.world_from_camera)
        _require(f"view {self.name}: depth", self.depth_m, size, np.float32)
        _require(f"view {self.name}: image", self.image, (*size, 3), np.uint8)
        _require(f"view {self.name}: confidence", self.confidence, size, np.float32)

    @property
    def camera_from_world(self) -> NDArray[np.float64]:
        """(4, 4) float64 extrinsics, the inverse of the pose."""
        return np.linalg.inv(self.world_from_camera)


@dataclass(frozen=True)
class SceneObject:
    """An object with its 3D box.

    Attributes:
        category: name, `<colour>_<shape>`.
        world_from_box: (4, 4) float64 rigid pose of the box's centre and axes.
        size_m: edge lengths along the box's axes [m].
        parent: index of the object that it stands on, in the scene's objects; None if there is none.
        score: 0..1.
    """

    category: str
    world_from_box: NDArray[np.float64]
    size_m: tuple[float, float, float]
    parent: int | None = None
    score: float = 1.0

    def __post_init__(self) -> None:
        _require(f"object {self.category}: pose", self.world_from_box, (4, 4), np.float64)
        require_rigid(self.world_from_box)
        if len(self.size_m) != 3 or not all(np.isfinite(edge) and edge > 0 for edge in self.size_m):
            raise InputError(f"object {self.category}: expected three edges above 0 m, got {shown(self.size_m)}")


@dataclass(frozen=True)
class Scene:
    """Points, views, objects and Gaussians of a reconstruction in one world frame, lengths in metres.

    Where nothing gives the scale (`is_metric` False), lengths are in the unit of the network instead.

    Attributes:
        points_m: (N, 3) float32 fused points; N may be 0.
        colours: (N, 3) uint8 RGB.
        views: the images that the scene is made from, in their order.
        world: the world frame, one of WORLDS.
        scale_source: where the metres come from, one of SCALE_SOURCES.
        is_metric: whether lengths are in metres.
        normals: (N, 3) float32 unit normals.
        confidence: (N,) float32, higher is more confident.
        objects: with 3D boxes.
        gaussians: in the same world frame.
    """

    points_m: NDArray[np.float32]
    colours: NDArray[np.uint8]
    views: tuple[SceneView, ...]
    world: str
    scale_source: str
    is_metric: bool
    normals: NDArray[np.float32] | None = None
    confidence: NDArray[np.float32] | None = None
    objects: tuple[SceneObject, ...] = ()
    gaussians: Gaussians | None = None

    def __post_init__(self) -> None:
        count = len(self.points_m)
        _require("points", self.points_m, (count, 3), np.float32)
        _require("colours", self.colours, (count, 3), np.uint8)
        _require("normals", self.normals, (count, 3), np.float32)
        _require("confidence of the points", self.confidence, (count,), np.float32)
        bad = count - int(np.isfinite(self.points_m).all(axis=1).sum())
        if bad:
            raise InputError(f"expected finite points, got {bad} of {count} with NaN or infinity; leave them out")
        for name, value, known in (("world", self.world, WORLDS), ("scale_source", self.scale_source, SCALE_SOURCES)):
            if value not in known:
                raise InputError(f"expected {name} one of {', '.join(known)}, got {shown(value)}")
        names = [view.name for view in self.views]
        if len(set(names)) < len(names):
            raise InputError(f"expected views with different names, got {shown(names)}")

    @property
    def unit(self) -> str:
        """Unit of all lengths: `m`, or `none` where nothing gives the scale."""
        return "m" if self.is_metric else "none"

    def frame_description(self) -> dict[str, str]:
        """Unit, axes and origin of the scale as plain text, the same in the metadata of every format."""
        return {
            "generator": "unity_depth_perception",
            "unit": self.unit,
            "scale_source": self.scale_source,
            "world": self.world,
            "axes": WORLDS[self.world],
        }


def _require(what: str, array: NDArray[Any] | None, shape: tuple[int, ...], dtype: type[np.generic]) -> None:
    if array is not None and (array.shape != shape or array.dtype != dtype):
        raise InputError(f"{what}: expected {shape} {np.dtype(dtype)}, got {array.shape} {array.dtype}")
