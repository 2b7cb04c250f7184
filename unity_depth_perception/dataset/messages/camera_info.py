"""CameraInfo and Pose messages to intrinsics and (4, 4) transforms."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.camera import Camera, Lens
from unity_depth_perception.core.errors import CameraError
from unity_depth_perception.core.pose import matrix_from_pose

_PINHOLE_MODELS = ("plumb_bob", "rational_polynomial")
_FOV_DEG = (5.0, 150.0)  # of the longer side; beyond, a camera_info is mistaken rather than unusual


@dataclass(frozen=True)
class Intrinsics:
    """What a camera_info says: the pinhole camera of the rectified picture, and the lens of a raw picture.

    `lens` is None where the picture is rectified, or its lens does not distort.
    """

    camera: Camera
    lens: Lens | None = None

    def of_image(self, width: int, height: int) -> Intrinsics:
        """The same at the resolution of an image of the same proportions.

        Raises:
            CameraError: that image has other proportions.
        """
        lens = None if self.lens is None else self.lens.of_image(width, height)
        return Intrinsics(self.camera.of_image(width, height), lens)


def intrinsics_of(message: Any, is_rectified: bool) -> Intrinsics:
    """Intrinsics of a CameraInfo: matrix and full resolution, then region of interest, then binning.

    The matrix is P of a rectified picture, and K of a raw one. A raw picture with distortion D is to be rectified to
    the camera of P (of K, if P is not filled in), in the raw camera's own optical frame: R is not applied.

    Raises:
        CameraError: a size of 0, a matrix that is no camera's, a field of view under 5 or over 150 degrees, or a
            distortion model other than plumb_bob and rational_polynomial.
    """
    try:
        if is_rectified:
            return Intrinsics(_camera(message, message.p[0] != 0 or any(message.d)))
        distortion = _distortion_of(message)
        raw = _camera(message, from_p=False)
        if not any(distortion):
            return Intrinsics(raw)
        return Intrinsics(_camera(message, from_p=message.p[0] != 0), Lens(raw, distortion))
    except CameraError as error:
        raise CameraError(f"camera_info: {error}") from None


def _camera(message: Any, from_p: bool) -> Camera:
    """The camera of P or K, in the region of interest and binned."""
    if not from_p and list(message.k) == [1.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]:
        raise CameraError(
            "expected focal lengths in K, got the identity: the camera is not calibrated, or only P is filled in (then "
            "set rectified: true if the picture is rectified)"
        )
    k = [*message.p[0:3], *message.p[4:7], *message.p[8:11]] if from_p else message.k
    camera = Camera.from_k(k, message.width, message.height)
    require_plausible_view(camera, "P" if from_p else "K")
    roi = message.roi
    if roi.width and roi.height:
        camera = camera.cropped(roi.x_offset, roi.y_offset, roi.width, roi.height)
    bins = max(message.binning_x, 1), max(message.binning_y, 1)
    return camera if bins == (1, 1) else camera.resized(camera.width // bins[0], camera.height // bins[1])


def require_plausible_view(camera: Camera, source: str) -> None:
    """Raise CameraError unless the longer side's field of view is between 5 and 150 degrees."""
    side, focal = max((camera.width, camera.fx), (camera.height, camera.fy))
    fov_deg = math.degrees(2 * math.atan(side / 2 / focal))
    if not _FOV_DEG[0] <= fov_deg <= _FOV_DEG[1]:
        reason = "a focal length in other units than pixels" if fov_deg > _FOV_DEG[1] else "those of a larger image"
        raise CameraError(
            f"expected a field of view of {_FOV_DEG[0]:g} to {_FOV_DEG[1]:g} degrees, got {fov_deg:.3g} degrees from "
            f"{source} with a focal length of {focal:g} px for {side} px: perhaps {reason}"
        )


def _distortion_of(message: Any) -> tuple[float, ...]:
    """Coefficients of a raw picture; those of no distortion are all 0."""
    model, values = message.distortion_model, tuple(message.d)
    if model not in _PINHOLE_MODELS and (model or any(values)):
        raise CameraError(
            f"expected distortion_model {' or '.join(_PINHOLE_MODELS)}, got {model[:40]!r}: rectify the picture "
            "(image_proc) and take image_rect, or set rectified: true if it is rectified"
        )
    if len(values) > 8 or not all(map(math.isfinite, values)):
        raise CameraError(f"expected up to 8 finite distortion coefficients D, got {list(values)[:12]}")
    return values


def matrix_of(pose: Any) -> NDArray[np.float64]:
    """(4, 4) float64 transform of a Pose message.

    Raises:
        InputError: a value is not finite, or the quaternion is zero.
    """
    p, q = pose.position, pose.orientation
    return matrix_from_pose([p.x, p.y, p.z], [q.x, q.y, q.z, q.w])
