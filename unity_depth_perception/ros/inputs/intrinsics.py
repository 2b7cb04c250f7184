"""Intrinsics of each image: from camera_info, else from a file, else from the vertical field of view."""

from __future__ import annotations

import math
import time
from pathlib import Path

from sensor_msgs.msg import CameraInfo

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import CameraError
from unity_depth_perception.ros.conversions.camera_info import camera_of


class IntrinsicsSelector:
    """Selects the camera of an image: the last valid camera_info, else the intrinsics file, else the field of view.

    Attributes:
        from_file: the camera of the intrinsics file, known before any message arrives; None without a file.
        description: source and size of the intrinsics that the last image got, for diagnostics.
    """

    def __init__(self, intrinsics_file: str = "", vertical_fov_deg: float = 0.0) -> None:
        """Reads `intrinsics_file` unless the name is empty; `vertical_fov_deg` 0 means unknown.

        Raises:
            CameraError: the file is missing or wrong.
        """
        self.from_file = Camera.from_intrinsics_file(Path(intrinsics_file)) if intrinsics_file else None
        self._file = intrinsics_file
        self._fov_deg = vertical_fov_deg
        self._from_info: Camera | None = None
        self._received_s: float | None = None
        self.description = "none yet"

    def update(self, message: CameraInfo) -> None:
        """Take the intrinsics of a camera_info; after an invalid one the last valid one stays in use.

        Raises:
            CameraError: the message holds impossible intrinsics.
        """
        self._from_info = camera_of(message)
        self._received_s = time.monotonic()

    @property
    def age_s(self) -> float | None:
        """Seconds since the last valid camera_info arrived; None before the first."""
        return None if self._received_s is None else time.monotonic() - self._received_s

    def camera_for(self, width: int, height: int) -> Camera:
        """The camera of an image of width x height pixels; intrinsics of the same proportions are scaled to it.

        Raises:
            CameraError: no intrinsics are known, or they belong to an image of other proportions.
        """
        camera, source = self._from_info, "camera_info"
        if camera is None:
            camera, source = self.from_file, self._file
        if camera is None and self._fov_deg > 0:
            self.description = f"vertical_fov_deg {self._fov_deg:g}"
            return Camera.from_vertical_fov(math.radians(self._fov_deg), width, height)
        if camera is None:
            raise CameraError(
                "no intrinsics: waiting for camera_info; or set camera_intrinsics_file or vertical_fov_deg"
            )
        try:
            scaled = camera.of_image(width, height)
        except CameraError as error:
            raise CameraError(f"{source}: {error}") from None
        self.description = f"{source} {camera.width} x {camera.height}"
        if scaled is not camera:
            self.description += f", scaled to {width} x {height}"
        return scaled
