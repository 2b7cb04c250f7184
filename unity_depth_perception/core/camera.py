"""The pinhole camera: field of view, intrinsics file, CameraInfo fields, resizing, cropping; the lens of a raw picture.

Optical frame: x right, y down, z forward. Pixel centres are at integer coordinates (OpenCV, ROS), so the image covers
[-0.5, width - 0.5] and a centred camera has cx = (width - 1) / 2.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from unity_depth_perception.core.errors import CameraError, shown
from unity_depth_perception.core.files.json_file import read_json_object

_CORNER_ORIGIN = "image_corner"
_MAX_SIDE_PX = 100_000
_NORMALISED = 8.0  # a focal length in image widths or heights is at most this: 7 degrees
_COEFFICIENTS = 8  # of the distortion of a lens
_FILE_KEYS = ("width", "height", "focal_length_x", "focal_length_y", "principal_point_x", "principal_point_y")


@dataclass(frozen=True)
class Camera:
    """Pinhole intrinsics [px] of an image of width x height pixels; no distortion, as Unity renders it."""

    width: int
    height: int
    fx: float
    fy: float
    cx: float
    cy: float

    def __post_init__(self) -> None:
        if self.width < 1 or self.height < 1:
            raise CameraError(f"expected an image size of at least 1 x 1 px, got {self.width} x {self.height}")
        for name in ("fx", "fy"):
            focal = getattr(self, name)
            if not (math.isfinite(focal) and focal > 0):
                raise CameraError(
                    f"expected a finite focal length {name} > 0 px, got {focal}; check the camera's field of view"
                )
        if not (math.isfinite(self.cx) and math.isfinite(self.cy)):
            raise CameraError(f"expected a finite principal point, got ({self.cx}, {self.cy})")

    @classmethod
    def from_vertical_fov(cls, fov_rad: float, width: int, height: int) -> Camera:
        """A centred camera with square pixels: fx = fy = (height / 2) / tan(fov / 2) (Unity's Camera.fieldOfView)."""
        if not 0 < fov_rad < math.pi:
            raise CameraError(
                f"expected a vertical field of view between 0 and 180 deg, got {math.degrees(fov_rad):.6g} deg"
            )
        if width < 1 or height < 1:
            raise CameraError(f"expected an image size of at least 1 x 1 px, got {width} x {height}")
        f_px = height / 2 / math.tan(fov_rad / 2)
        return cls(width, height, f_px, f_px, (width - 1) / 2, (height - 1) / 2)

    @classmethod
    def from_projection_matrix(cls, matrix: ArrayLike, width: int, height: int) -> Camera:
        """From Unity's Camera.projectionMatrix (4, 4), which includes lens shift and physical cameras."""
        p = np.asarray(matrix, dtype=np.float64)
        if p.shape != (4, 4):
            raise CameraError(f"expected a (4, 4) projection matrix, got shape {p.shape}")
        return cls(
            width,
            height,
            float(p[0, 0]) * width / 2,
            float(p[1, 1]) * height / 2,
            width / 2 * (1 - float(p[0, 2])) - 0.5,
            height / 2 * (1 + float(p[1, 2])) - 0.5,
        )

    @classmethod
    def from_k(cls, k: Sequence[float] | NDArray[np.float64], width: int, height: int) -> Camera:
        """From CameraInfo's row-major 3 x 3 matrix K (9 values) and image size."""
        values = [float(v) for v in np.asarray(k, dtype=np.float64).reshape(-1)]
        if len(values) != 9:
            raise CameraError(f"expected K with 9 values, got {len(values)}")
        return cls(width, height, values[0], values[4], values[2], values[5])

    @classmethod
    def from_intrinsics_file(cls, path: str | Path) -> Camera:
        """Read camera_intrinsics.json, whose principal point counts from the image's corner (Unity).

        Raises:
            CameraError: the file is missing, empty, not JSON, lacks a key, or holds an impossible value.
        """
        return cls.from_intrinsics(read_json_object(Path(path), "camera intrinsics", CameraError), source=str(path))

    @classmethod
    def from_intrinsics(cls, data: dict[str, Any], source: str = "camera intrinsics") -> Camera:
        """From the content of camera_intrinsics.json; `source` names it in errors."""
        missing = [key for key in _FILE_KEYS if key not in data]
        if missing:
            raise CameraError(f"{source}: expected the keys {', '.join(_FILE_KEYS)}; missing: {', '.join(missing)}")
        for key in _FILE_KEYS:
            value = data[key]
            if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
                raise CameraError(f"{source}: expected a finite number for {key}, got {shown(value)}")
        origin = data.get("pixel_origin", _CORNER_ORIGIN)
        if origin not in (_CORNER_ORIGIN, "pixel_centre"):
            raise CameraError(
                f"{source}: expected pixel_origin '{_CORNER_ORIGIN}' or 'pixel_centre', got {shown(origin)}"
            )
        shift = 0.5 if origin == _CORNER_ORIGIN else 0.0
        width, height = data["width"], data["height"]
        if width != int(width) or height != int(height) or max(width, height) > _MAX_SIDE_PX:
            raise CameraError(
                f"{source}: expected a whole number of pixels, got width {shown(width)}, height {shown(height)} "
                f"(at most {_MAX_SIDE_PX})"
            )
        _raise_if_normalised(data, source)
        try:
            return cls(
                int(width),
                int(height),
                float(data["focal_length_x"]),
                float(data["focal_length_y"]),
                float(data["principal_point_x"]) - shift,
                float(data["principal_point_y"]) - shift,
            )
        except CameraError as error:
            raise CameraError(f"{source}: {error}") from None

    def to_intrinsics(self) -> dict[str, Any]:
        """The content of camera_intrinsics.json, with the principal point counted from the image's corner."""
        return {
            "fov_vertical": math.degrees(self.vertical_fov_rad),
            "width": self.width,
            "height": self.height,
            "focal_length_x": self.fx,
            "focal_length_y": self.fy,
            "principal_point_x": self.cx + 0.5,
            "principal_point_y": self.cy + 0.5,
            "pixel_origin": _CORNER_ORIGIN,
        }

    @property
    def vertical_fov_rad(self) -> float:
        """Vertical field of view [rad] of a centred camera with this fy."""
        return 2 * math.atan(self.height / 2 / self.fy)

    @property
    def focal_px(self) -> float:
        """Mean of fx and fy [px], for formulas with a single focal length."""
        return (self.fx + self.fy) / 2

    @property
    def k(self) -> NDArray[np.float64]:
        """(3, 3) float64 calibration matrix; flattened, CameraInfo's K."""
        return np.array([[self.fx, 0, self.cx], [0, self.fy, self.cy], [0, 0, 1]], dtype=np.float64)

    @property
    def p(self) -> NDArray[np.float64]:
        """(3, 4) float64 projection matrix; flattened, CameraInfo's P."""
        return np.hstack([self.k, np.zeros((3, 1))])

    def resized(self, width: int, height: int) -> Camera:
        """The camera of this image resized to width x height; corners map to corners, so 3D points stay the same."""
        if width < 1 or height < 1:
            raise CameraError(f"expected an image size of at least 1 x 1 px, got {width} x {height}")
        sx, sy = width / self.width, height / self.height
        return Camera(width, height, self.fx * sx, self.fy * sy, (self.cx + 0.5) * sx - 0.5, (self.cy + 0.5) * sy - 0.5)

    def has_proportions(self, width: int, height: int) -> bool:
        """Whether an image of width x height can be this camera's image at another resolution.

        One common scale s must give both sides to less than a pixel, abs(width - s W) < 1 and abs(height - s H) < 1,
        which allows rounding, floor (binning) and ceiling. It exists if abs(width / W - height / H) < 1 / W + 1 / H.
        """
        difference = abs(width * self.height - height * self.width)  # in whole numbers, so the bound is exact
        return width > 0 and height > 0 and difference < self.width + self.height

    def of_image(self, width: int, height: int) -> Camera:
        """The same camera at the resolution of an image of the same proportions.

        Raises:
            CameraError: that image has other proportions, so it was cropped or another camera took it.
        """
        if not self.has_proportions(width, height):
            raise CameraError(
                f"expected an image with the proportions of the camera's {self.width} x {self.height} px, "
                f"got {width} x {height}; give the intrinsics of this image"
            )
        return self if (width, height) == (self.width, self.height) else self.resized(width, height)

    def cropped(self, x_min: int, y_min: int, width: int, height: int) -> Camera:
        """The camera of a crop of width x height px whose first pixel is (x_min, y_min)."""
        return Camera(width, height, self.fx, self.fy, self.cx - x_min, self.cy - y_min)

    def project(self, points: ArrayLike) -> NDArray[np.float64]:
        """Pixels (..., 2) of points (..., 3) [m] of the optical frame; NaN for points not in front of the camera."""
        xyz = np.asarray(points, dtype=np.float64)
        z = np.where(xyz[..., 2] > 0, xyz[..., 2], np.nan)
        return np.stack([self.fx * xyz[..., 0] / z + self.cx, self.fy * xyz[..., 1] / z + self.cy], axis=-1)

    def unproject(self, pixels: ArrayLike, depth_m: ArrayLike) -> NDArray[np.float64]:
        """Points (..., 3) [m] of pixels (..., 2) at planar depth (...) [m]: the inverse of `project`."""
        uv = np.asarray(pixels, dtype=np.float64)
        z = np.asarray(depth_m, dtype=np.float64)
        return np.stack([(uv[..., 0] - self.cx) / self.fx * z, (uv[..., 1] - self.cy) / self.fy * z, z], axis=-1)


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


def _raise_if_normalised(data: dict[str, Any], source: str) -> None:
    """Refuse intrinsics in units of the image, not in pixels: a principal point of 0.5, a focal length of 1.5."""
    keys = ("focal_length_x", "focal_length_y", "principal_point_x", "principal_point_y")
    if all(abs(data[key]) < _NORMALISED for key in keys) and min(data["width"], data["height"]) > 2 * _NORMALISED:
        raise CameraError(
            f"{source}: expected intrinsics in pixels, got normalised ones: focal lengths {data[keys[0]]:g}, "
            f"{data[keys[1]]:g} and a principal point of {data[keys[2]]:g}, {data[keys[3]]:g}; values of a projection "
            "matrix (com.unity.perception) times half of width and height are pixels"
        )
