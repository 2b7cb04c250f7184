"""The plane that the objects stand on, from a few background points."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.core.ragged_arrays import finite_points
from unity_depth_perception.core.support_relations.config import SUPPORT, SupportConfig


@dataclass(frozen=True)
class GroundPlane:
    """A plane in the camera's optical frame.

    Attributes:
        up: (3,) float64 unit normal, pointing up.
        offset_m: position of the plane along `up`, relative to the camera: negative if the camera is above the plane.
        noise_m: robust standard deviation of the points on the plane from it [m]: the depth noise.
    """

    up: NDArray[np.float64]
    offset_m: float
    noise_m: float = 0.0

    def __post_init__(self) -> None:
        if self.up.shape != (3,) or abs(float(np.linalg.norm(self.up)) - 1) > 1e-3:
            raise InputError(f"expected up as a unit vector (3,), got {self.up}")

    @property
    def camera_height_m(self) -> float:
        """Height of the camera above the plane [m], positive."""
        return max(-self.offset_m, 1e-9)

    @property
    def relative_noise(self) -> float:
        """Depth noise as a fraction of the camera's height."""
        return self.noise_m / self.camera_height_m

    def with_min_noise(self, relative: float) -> GroundPlane:
        """The same plane with a noise of at least `relative` camera heights."""
        return replace(self, noise_m=max(self.noise_m, relative * abs(self.offset_m)))

    def heights(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Heights (...) [m] above the plane of points (..., 3) [m] of the optical frame."""
        return along(points, self.up) - self.offset_m

    def ground(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Horizontal coordinates (..., 2) [m] of points (..., 3), with the camera at (0, 0); axes: right, forward."""
        return np.asarray(points @ self._axes)

    @functools.cached_property
    def _axes(self) -> NDArray[np.float64]:
        """(3, 2) right and forward, in the optical frame."""
        # The optical axis names "forward" unless the camera looks straight down; then the image's top does.
        axis = np.array([0.0, 0.0, 1.0]) if abs(self.up[2]) < 0.99 else np.array([0.0, -1.0, 0.0])
        forward = axis - (axis @ self.up) * self.up
        forward /= np.linalg.norm(forward)
        return np.stack([np.cross(forward, self.up), forward], axis=1)


def along(points: NDArray[np.float64], direction: NDArray[np.float64]) -> NDArray[np.float64]:
    """Dot products (...) of points (..., 3) and a direction (3,).

    `@` is avoided: for a few thousand points OpenBLAS starts its threads, which then spin for longer than a whole frame
    takes and slow down everything else.
    """
    return np.asarray(np.einsum("...k,k->...", points, direction))


def up_from_pose(world_from_camera: NDArray[np.float64]) -> NDArray[np.float64]:
    """The world's z axis (3,) in the optical frame, from the camera's pose (4, 4)."""
    up = np.asarray(world_from_camera[2, :3], dtype=np.float64)  # row of the rotation = column of its inverse
    norm = float(np.linalg.norm(up))
    if not norm > 0.5:
        raise InputError(f"expected a camera pose with a rotation, got {world_from_camera[:3, :3].tolist()}")
    return up / norm


def fit_ground_plane(
    background: NDArray[np.float64],
    objects: NDArray[np.float64],
    up: NDArray[np.float64] | None = None,
    config: SupportConfig = SUPPORT,
) -> GroundPlane | None:
    """Fit the plane that holds the most background points and lies below the objects; None if there is none.

    If `up` is known, only the height and a slight tilt are fitted. They come from the depth even if the camera's pose
    is known, so that the plane fits the objects where the depth has a wrong scale or the camera is half a pixel off.

    Args:
        background: (M, 3) points [m] in the optical frame; rows with NaN are left out.
        objects: (P, 3) points of all objects; rows with NaN are left out.
        up: (3,) unit vector against gravity in the optical frame, if known.
    """
    background, objects = finite_points(background), finite_points(objects)
    if len(background) < config.plane_min_points:
        return None
    band_m = config.plane_band * float(np.median(background[:, 2]))
    if up is not None:
        return _fit_known_up(background, up, band_m, config)
    normal = _fit_normal(background, objects, band_m, config)
    return None if normal is None else _fit_height(background, normal, band_m)


def _fit_normal(
    background: NDArray[np.float64], objects: NDArray[np.float64], band_m: float, config: SupportConfig
) -> NDArray[np.float64] | None:
    """Normal (3,) of the best plane through three points (RANSAC with a fixed seed), refined on its inliers."""
    rng = np.random.default_rng(0)
    triples = _nearest_triples(background[rng.integers(len(background), size=(config.plane_trials, 13))])
    normals = np.cross(triples[:, 1] - triples[:, 0], triples[:, 2] - triples[:, 0])
    lengths = np.linalg.norm(normals, axis=1)
    usable = lengths > 1e-9
    normals, anchors = normals[usable] / lengths[usable, None], triples[usable, 0]
    offsets = np.einsum("ij,ij->i", normals, anchors)
    side = -np.sign(offsets)  # the camera, at the origin, is above the ground
    normals, offsets = normals * side[:, None], offsets * side
    some_background, some_objects = (
        points[:: max(1, -(-len(points) // config.plane_samples))] for points in (background, objects)
    )
    scores = _plane_scores(normals, offsets, some_background, some_objects, band_m)
    if not len(scores) or scores.max() <= 0:
        return None
    best = int(scores.argmax())
    return _refine_normal(background, normals[best], float(offsets[best]), band_m, config)


def _fit_known_up(
    background: NDArray[np.float64], up: NDArray[np.float64], band_m: float, config: SupportConfig
) -> GroundPlane:
    """The plane perpendicular to `up`; slightly tilted if the depth is exact enough to show a tilt."""
    level = _fit_height(background, up, band_m)
    normal = _refine_normal(background, up, level.offset_m, band_m, config)
    tilted = _fit_height(background, normal, band_m)
    is_exact = tilted.noise_m < config.plane_exact_noise * abs(tilted.offset_m)
    return tilted if is_exact and normal @ up > np.cos(config.plane_max_tilt_rad) else level


def _fit_height(background: NDArray[np.float64], up: NDArray[np.float64], band_m: float) -> GroundPlane:
    """The plane perpendicular to `up` that holds the most points."""
    heights = along(background, up)
    offset = _densest_height(heights, band_m)
    residuals = np.abs(heights - offset)
    return GroundPlane(up, offset, 1.4826 * float(np.median(residuals[residuals < 2 * band_m])))


def _refine_normal(
    background: NDArray[np.float64], normal: NDArray[np.float64], offset: float, band_m: float, config: SupportConfig
) -> NDArray[np.float64]:
    """Normal (3,) of the least-squares plane through the inliers of the given plane."""
    for _ in range(3):
        inliers = background.compress(np.abs(along(background, normal) - offset) < band_m, axis=0)
        if len(inliers) < config.plane_min_points:
            break
        center = np.einsum("ij->j", inliers) / len(inliers)
        refined = np.linalg.eigh((inliers - center).T @ (inliers - center))[1][:, 0]  # the direction of least variance
        normal = refined if refined @ normal >= 0 else -refined
        offset = float(center @ normal)
    return np.asarray(normal)


def _nearest_triples(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
    """First point of each row of points (T, 1 + D, 3) and the two nearest to it, (T, 3, 3): mostly on one plane."""
    distances = ((drawn[:, 1:] - drawn[:, :1]) ** 2).sum(axis=2)
    nearest = 1 + np.argpartition(distances, 1, axis=1)[:, :2]
    return np.asarray(np.take_along_axis(drawn, np.pad(nearest, ((0, 0), (1, 0)))[..., None], axis=1))


def _plane_scores(
    normals: NDArray[np.float64],
    offsets: NDArray[np.float64],
    background: NDArray[np.float64],
    objects: NDArray[np.float64],
    band_m: float,
) -> NDArray[np.float64]:
    """Scores (T,) of planes: fraction of the background on each, times its plausibility as the ground.

    Plausible is a plane with the objects between it and the camera's height, and with a normal that points up in the
    image: to a camera that looks down, the normals of walls point down or sideways.
    """
    on_plane = _fraction(np.abs(background @ normals.T - offsets) < band_m)
    heights = objects @ normals.T - offsets
    above = _fraction((heights > -2 * band_m) & (heights < -offsets)) if len(objects) else 1.0
    upwards = np.where(normals[:, 1] < 0.05, np.clip(-normals[:, 1] / 0.5, 0.1, 1.0), 0.0)
    return np.asarray(on_plane * above**2 * upwards, dtype=np.float64)


def _fraction(inliers: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Fraction (T,) of the samples (J, T), J < 2^16, that are inliers; twice as fast as `mean`."""
    return np.asarray(np.add.reduce(inliers.view(np.uint8), axis=0, dtype=np.uint16) / len(inliers))


def _densest_height(heights: NDArray[np.float64], band_m: float) -> float:
    """Median of the heights (M,) in the fullest band of width 2 `band_m`; the heights of walls are spread out."""
    ordered = np.sort(heights)
    ends = np.searchsorted(ordered, ordered + 2 * band_m, side="right")
    start = int((ends - np.arange(len(ordered))).argmax())
    return float(np.median(ordered[start : ends[start]]))
