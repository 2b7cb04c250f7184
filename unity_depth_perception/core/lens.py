"""Lens distortion of a picture that is not rectified."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import CameraError

_COEFFICIENTS = 8


@dataclass(frozen=True)
class Lens:
    """The camera of a raw picture: pinhole intrinsics and distortion (Brown-Conrady, and its rational form).

    Attributes:
        camera: intrinsics of the raw picture, CameraInfo's K.
        distortion: k1, k2, p1, p2, k3, k4, k5, k6 in OpenCV's order; missing ones are 0. The first five are ROS'
            plumb_bob, all eight rational_polynomial.
    """

    camera: Camera
    distortion: tuple[float, ...]

    def __post_init__(self) -> None:
        given = tuple(float(value) for value in self.distortion)
        if len(given) > _COEFFICIENTS or not all(map(math.isfinite, given)):
            raise CameraError(f"expected up to {_COEFFICIENTS} finite distortion coefficients, got {list(given)}")
        object.__setattr__(self, "distortion", given + (0.0,) * (_COEFFICIENTS - len(given)))

    def of_image(self, width: int, height: int) -> Lens:
        """The same lens at the resolution of an image of the same proportions.

        Raises:
            CameraError: that image has other proportions.
        """
        return replace(self, camera=self.camera.of_image(width, height))
