"""Scale of relative depth: one factor from the network's unit to metres. Metric depth is not changed.

none            no scale: relative depth is refused, so that it is never published as metres
fixed           a known number of metres per unit, for a model, camera and scene that were calibrated together
median_to_pose  from the camera's height: the floor's points are scaled so that their plane lies as far below the camera
                as the plane z = 0 does according to the camera's pose; a new factor in each frame, as the unit changes

One factor suffices for depth that is correct up to scale, as that of the any-view models is for a single view.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import ConfigurationError, InputError, ModelError
from unity_depth_perception.core.ground_plane import fit_ground_plane, up_from_pose
from unity_depth_perception.models.protocols import DepthPrediction
from unity_depth_perception.ops.geometry import background_points

SCALES = ("none", "median_to_pose", "fixed")


@dataclass(frozen=True)
class DepthScale:
    """Source of scale, one of SCALES, and the metres per unit if it is `fixed`."""

    source: str = "none"
    metres_per_unit: float = 1.0

    def __post_init__(self) -> None:
        if self.source not in SCALES:
            raise ConfigurationError(f"expected scale one of {', '.join(SCALES)}, got {self.source!r}")
        if not 0 < self.metres_per_unit < np.inf:
            raise ConfigurationError(f"expected metres per unit > 0, got {self.metres_per_unit}")

    def require_metres(self, is_metric: bool) -> None:
        """Raise ModelError if depth is relative and there is no source of scale."""
        if not is_metric and self.source == "none":
            raise ModelError(
                "expected metric depth for distances, got relative depth; choose a metric model (da3metric-large), or "
                "give relative depth a scale: of a node median_to_pose or fixed, of estimate --metres-per-unit"
            )

    def in_metres(
        self,
        depth: DepthPrediction,
        instances: Tensor,
        camera: Camera,
        world_from_camera: NDArray[np.float64] | None,
    ) -> DepthPrediction:
        """Depth in metres: unchanged if it is metric, else scaled.

        Args:
            depth: of one frame.
            instances: (H, W) instance image; its objects are excluded from the fit of the floor.
            camera: intrinsics of the frame.
            world_from_camera: (4, 4) pose of the frame in a world with z up, if known.

        Raises:
            ModelError: the depth is relative and there is no source of scale.
            InputError: this frame has no pose, or shows no floor below the camera.
        """
        self.require_metres(depth.is_metric)
        if depth.is_metric:
            return depth
        factor, source = self.metres_per_unit, "given"
        if self.source == "median_to_pose":
            factor, source = _from_pose(depth.depth_m, instances, camera, world_from_camera), "poses"
        return replace(depth, depth_m=depth.depth_m * factor, is_metric=True, scale_source=source)


def _from_pose(
    depth: Tensor, instances: Tensor, camera: Camera, world_from_camera: NDArray[np.float64] | None
) -> float:
    """Metres per unit: the camera's height above z = 0 over its height above the floor in the relative depth."""
    if world_from_camera is None:
        raise InputError("scale median_to_pose: this frame has no camera pose; publish camera_pose, or choose fixed")
    height_m = float(world_from_camera[2, 3])
    if not height_m > 0:
        raise InputError(f"scale median_to_pose: expected a camera above the floor z = 0, got z = {height_m:.3f} m")
    points = background_points(depth, instances, camera).cpu().double().numpy()
    floor = fit_ground_plane(points, np.empty((0, 3)), up_from_pose(world_from_camera))
    if floor is None or not floor.offset_m < 0:
        raise InputError("scale median_to_pose: the frame shows no floor below the camera")
    return height_m / -floor.offset_m
