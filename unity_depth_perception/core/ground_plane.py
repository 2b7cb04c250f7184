"""The plane that the objects stand on, from a few background points."""

from __future__ import annotations

import functools
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.core.ragged_arrays import finite_points

_TRIALS = 192
_DRAWN = 12  # points of which a trial takes the two nearest to its first
_JUDGES = 400  # points of each kind that vote on a trial: more cost time and change no winner
_BAND_RATIO = 0.015  # a point belongs to a plane within this part of the scene's depth: what predicted depth scatters
_MIN_POINTS = 12
_MOST_TILT_RAD = 0.05  # of the plane that depth shows against gravity: that of a camera that is some pixels off
_EXACT_SPREAD = 0.001  # of a plane that exact depth shows, in heights of the camera: then it is no error of the depth


@dataclass(frozen=True)
class GroundPlane:
    """A plane in the camera's optical frame.

    Attributes:
        up: (3,) float64 unit vector.
        offset_m: height of the plane along `up`, from the camera: negative for a camera above the floor.
        spread_m: how far the points of the floor scatter around it (standard deviation, robust).
    """

    up: NDArray[np.float64]
    offset_m: float
    spread_m: float = 0.0

    def __post_init__(self) -> None:
        if self.up.shape != (3,) or abs(float(np.linalg.norm(self.up)) - 1) > 1e-3:
            raise InputError(f"expected up as a unit vector (3,), got {self.up}")

    def scattered(self, ratio: float) -> GroundPlane:
        """As if its points scattered by a part of the camera's height at least."""
        return replace(self, spread_m=max(self.spread_m, ratio * abs(self.offset_m)))

    def heights(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Heights (...) [m] above the floor of points (..., 3) [m] of the optical frame."""
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

    Not by `@`: on a CPU, OpenBLAS would wake its threads for a few thousand points, and they go on spinning for longer
    than all the rest takes, in the way of whoever computes next.
    """
    return np.asarray(np.einsum("...k,k->...", points, direction))


def up_from_pose(world_from_camera: NDArray[np.float64]) -> NDArray[np.float64]:
    """The world's z axis (3,) in the optical frame, from the camera's pose (4, 4)."""
    up = np.asarray(
        world_from_camera[2, :3], dtype=np.float64
    )  # third row of the rotation = its inverse's third column
    norm = float(np.linalg.norm(up))
    if not norm > 0.5:
        raise InputError(f"expected a camera pose with a rotation, got {world_from_camera[:3, :3].tolist()}")
    return up / norm


def fit_ground_plane(
    background: NDArray[np.float64], objects: NDArray[np.float64], up: NDArray[np.float64] | None = None
) -> GroundPlane | None:
    """The plane that most background points lie on, among those that no object reaches through; None if there is none.

    With `up` known only the height and a slight tilt are sought. They are taken from the depth itself even when the
    camera's pose is known, so that depth of a wrong scale, or by a camera that is half a pixel off, still gives a floor
    under its objects.

    Args:
        background: (M, 3) points [m] of the optical frame; those with NaN are left out.
        objects: (P, 3) points of all objects, NaN left out.
        up: (3,) unit vector against gravity, in the optical frame.
    """
    background, objects = finite_points(background), finite_points(objects)
    if len(background) < _MIN_POINTS:
        return None
    band = _BAND_RATIO * float(np.median(background[:, 2]))
    if up is not None:
        return _leveled(background, up, band)
    up = _level(background, objects, band)
    return None if up is None else _placed(background, up, band)


def _level(background: NDArray[np.float64], objects: NDArray[np.float64], band: float) -> NDArray[np.float64] | None:
    """Normal of the best plane through three points (RANSAC with a fixed seed), refined on its inliers."""
    rng = np.random.default_rng(0)
    triples = _neighbours(background[rng.integers(len(background), size=(_TRIALS, 1 + _DRAWN))])
    normals = np.cross(triples[:, 1] - triples[:, 0], triples[:, 2] - triples[:, 0])
    lengths = np.linalg.norm(normals, axis=1)
    usable = lengths > 1e-9
    normals, anchors = normals[usable] / lengths[usable, None], triples[usable, 0]
    offsets = np.einsum("ij,ij->i", normals, anchors)
    side = -np.sign(offsets)  # the camera, at the origin, is above the floor
    normals, offsets = normals * side[:, None], offsets * side
    scores = _plane_scores(normals, offsets, _thinned(background), _thinned(objects), band)
    if not len(scores) or scores.max() <= 0:
        return None
    best = int(scores.argmax())
    return _refined(background, normals[best], float(offsets[best]), band)


def _leveled(background: NDArray[np.float64], up: NDArray[np.float64], band: float) -> GroundPlane:
    """The plane of the floor's points, if it is tilted little and they lie on it exactly; else the level one."""
    given = _placed(background, up, band)
    normal = _refined(background, up, given.offset_m, band)
    floor = _placed(background, normal, band)
    is_exact = floor.spread_m < _EXACT_SPREAD * abs(floor.offset_m)
    return floor if is_exact and normal @ up > np.cos(_MOST_TILT_RAD) else given


def _placed(background: NDArray[np.float64], up: NDArray[np.float64], band: float) -> GroundPlane:
    """The plane across `up` where most points are."""
    heights = along(background, up)
    offset = _densest(heights, band)
    residuals = np.abs(heights - offset)
    return GroundPlane(up, offset, 1.4826 * float(np.median(residuals[residuals < 2 * band])))


def _refined(
    background: NDArray[np.float64], normal: NDArray[np.float64], offset: float, band: float
) -> NDArray[np.float64]:
    """The normal of a plane that fits the points near the given one best."""
    for _ in range(3):
        near = background.compress(np.abs(along(background, normal) - offset) < band, axis=0)
        if len(near) < _MIN_POINTS:
            break
        centre = np.einsum("ij->j", near) / len(near)
        refined = np.linalg.eigh((near - centre).T @ (near - centre))[1][:, 0]  # the direction of least scatter
        normal = refined if refined @ normal >= 0 else -refined
        offset = float(centre @ normal)
    return np.asarray(normal)


def _neighbours(drawn: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each row of points (T, 1 + D, 3) the first and the two nearest to it (T, 3, 3): as a rule of one plane."""
    away = ((drawn[:, 1:] - drawn[:, :1]) ** 2).sum(axis=2)
    nearest = 1 + np.argpartition(away, 1, axis=1)[:, :2]
    return np.asarray(np.take_along_axis(drawn, np.pad(nearest, ((0, 0), (1, 0)))[..., None], axis=1))


def _thinned(points: NDArray[np.float64]) -> NDArray[np.float64]:
    return points[:: max(1, -(-len(points) // _JUDGES))]


def _plane_scores(
    normals: NDArray[np.float64],
    offsets: NDArray[np.float64],
    background: NDArray[np.float64],
    objects: NDArray[np.float64],
    band: float,
) -> NDArray[np.float64]:
    """Share of background on each plane, where the objects are between it and the eye's height and its normal points
    up in the image.

    A camera that looks down sees every wall's normal point down or sideways in its image: so floor and walls differ.
    """
    on_plane = _share(np.abs(background @ normals.T - offsets) < band)
    heights = objects @ normals.T - offsets
    above = _share((heights > -2 * band) & (heights < -offsets)) if len(objects) else 1.0
    upwards = np.where(normals[:, 1] < 0.05, np.clip(-normals[:, 1] / 0.5, 0.1, 1.0), 0.0)
    return np.asarray(on_plane * above**2 * upwards, dtype=np.float64)


def _share(judged: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Part (T,) of the validation_images, (J, T) of at most 2^16, that say yes; twice as fast as `mean`."""
    return np.asarray(np.add.reduce(judged.view(np.uint8), axis=0, dtype=np.uint16) / len(judged))


def _densest(heights: NDArray[np.float64], band: float) -> float:
    """Middle of the band of width 2 `band` that holds most of the heights (M,): walls spread theirs."""
    ordered = np.sort(heights)
    ends = np.searchsorted(ordered, ordered + 2 * band, side="right")
    start = int((ends - np.arange(len(ordered))).argmax())
    return float(np.median(ordered[start : ends[start]]))
