"""The camera of images of any size, from a field of view, an intrinsics file or known intrinsics."""

from __future__ import annotations

import math
from pathlib import Path

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import ConfigurationError


class CameraSource:
    """Gives each image its camera, from the one source that is set: field of view, file or intrinsics."""

    def __init__(
        self,
        *,
        vertical_fov_deg: float | None = None,
        intrinsics: str | Path | None = None,
        camera: Camera | None = None,
    ) -> None:
        """Take exactly one of the arguments.

        Args:
            vertical_fov_deg: vertical field of view [deg] of a centred camera with square pixels (Unity:
                Camera.fieldOfView).
            intrinsics: path of a camera_intrinsics.json.
            camera: intrinsics.

        Raises:
            ConfigurationError: none or several are given.
            CameraError: the field of view is impossible, or the file is missing or wrong.
        """
        given = sum(value is not None for value in (vertical_fov_deg, intrinsics, camera))
        if given != 1:
            raise ConfigurationError(
                "expected the camera of the images, either a vertical field of view (--vertical-fov DEG, in Python "
                "vertical_fov_deg; a new camera in Unity has 60) or its intrinsics (--intrinsics FILE, in Python "
                f"intrinsics or camera); got {'none' if given == 0 else 'more than one'}"
            )
        self._camera = Camera.from_intrinsics_file(intrinsics) if intrinsics is not None else camera
        self._fov_rad = math.radians(vertical_fov_deg or 0.0)
        if self._camera is None:
            Camera.from_vertical_fov(self._fov_rad, 1, 1)  # an impossible angle is refused before models load

    def camera_for(self, width: int, height: int) -> Camera:
        """The camera of an image of width x height pixels; intrinsics of another resolution are rescaled.

        Raises:
            CameraError: the intrinsics are of an image of other proportions.
        """
        if self._camera is None:
            return Camera.from_vertical_fov(self._fov_rad, width, height)
        return self._camera.of_image(width, height)
