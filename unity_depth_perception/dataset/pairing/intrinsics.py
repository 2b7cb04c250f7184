"""Intrinsics of each image: from camera_info, else from a file, else from the vertical field of view."""

from __future__ import annotations

import math
import time
from pathlib import Path
from typing import Any

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import CameraError
from unity_depth_perception.dataset.messages.camera_info import Intrinsics, intrinsics_of, require_plausible_view


class IntrinsicsSelector:
    """Selects the intrinsics of an image: those of camera_info, else the intrinsics file, else the field of view.

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
        if self.from_file is not None:
            require_plausible_view(self.from_file, intrinsics_file)
        self._file = intrinsics_file
        self._fov_deg = vertical_fov_deg
        self._from_info: Intrinsics | None = None
        self._received_s: float | None = None
        self.description = "none yet"

    def update(self, message: Any, is_rectified: bool = False) -> Intrinsics:
        """Read a camera_info; after an invalid one the last valid one stays in use.

        Raises:
            CameraError: the message holds impossible intrinsics.
        """
        self._from_info = intrinsics_of(message, is_rectified)
        self._received_s = time.monotonic()
        return self._from_info

    @property
    def age_s(self) -> float | None:
        """Seconds since the last valid camera_info arrived; None before the first."""
        return None if self._received_s is None else time.monotonic() - self._received_s

    def of_image(self, width: int, height: int, info: Intrinsics | None = None) -> Intrinsics:
        """The intrinsics of an image of width x height pixels; those of the same proportions are scaled to it.

        Args:
            width: of the image [px].
            height: of the image [px].
            info: intrinsics of the camera_info that belongs to the image; None: those of the last one.

        Raises:
            CameraError: no intrinsics are known, or they belong to an image of other proportions.
        """
        known, source = info or self._from_info, "camera_info"
        if known is None and self.from_file is not None:
            known, source = Intrinsics(self.from_file), self._file
        if known is None and self._fov_deg > 0:
            self.description = f"vertical_fov_deg {self._fov_deg:g}"
            return Intrinsics(Camera.from_vertical_fov(math.radians(self._fov_deg), width, height))
        if known is None:
            raise CameraError(
                "no intrinsics: waiting for camera_info; or set camera_intrinsics_file or vertical_fov_deg"
            )
        try:
            scaled = known.of_image(width, height)
        except CameraError as error:
            raise CameraError(f"{source}: {error}") from None
        self.description = f"{source} {known.camera.width} x {known.camera.height}"
        if scaled.camera is not known.camera:
            self.description += f", scaled to {width} x {height}"
        if scaled.lens is not None:
            self.description += ", undistorted"
        return scaled
