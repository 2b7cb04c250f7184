"""Who stands on what: small scenes whose truth is known, seen by a ray caster of a few lines."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import pytest
from numpy.typing import NDArray

from unity_depth_perception.core.association import LowerBorders, find_parents
from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import InputError
from unity_depth_perception.core.floor import Floor, fit_floor, up_from_pose

Array = NDArray[np.float64]
CAMERA = Camera.from_vertical_fov(math.radians(50), 240, 180)
WALL_M = 1.0  # behind the origin


@dataclass(frozen=True)
class Box:
    """A box: middle (x, y), height of its foot, size, yaw; tilted about its middle. World: x right, y away, z up."""

    x: float
    y: float
    foot: float
    size: tuple[float, float, float]
    yaw_deg: float = 20.0
    shape: str = "parallelepiped"
    tilt_deg: float = 0.0  # raises its right end


def cube(x: float = 0.0, y: float = 0.0, edge: float = 1.0, yaw_deg: float = 20.0) -> Box:
    return Box(x, y, 0.0, (edge, edge, edge), yaw_deg, "cube")


CUBE = cube()
ON_TOP = Box(0.05, -0.1, 1.0, (0.5, 0.4, 0.8), 50)

# Lengths in edges of the cube; a row: boxes, and for each the index of what it stands on.
SCENES: dict[str, tuple[list[Box], list[int | None]]] = {
    "on the cube": ([CUBE, ON_TOP], [None, 0]),
    "listed before its cube": ([ON_TOP, CUBE], [1, None]),
    "at the back of the cube": ([CUBE, Box(-0.1, 0.25, 1, (0.4, 0.4, 0.9), 20)], [None, 0]),
    "at the front of the cube": ([CUBE, Box(0.1, -0.3, 1, (0.4, 0.4, 0.9), 20)], [None, 0]),
    "a plank that hangs over": ([CUBE, Box(0.1, -0.1, 1, (1.6, 0.4, 0.3), 30)], [None, 0]),
    "a flat one": ([CUBE, Box(0.1, 0, 1, (0.6, 0.5, 0.2), 0)], [None, 0]),
    "in front of the cube": ([CUBE, Box(0.1, -1.0, 0, (0.4, 0.3, 1.3), 20)], [None, None]),
    "right behind the cube": ([CUBE, Box(0.0, 0.95, 0, (0.5, 0.4, 2.2), 20)], [None, None]),
    "right beside the cube": ([CUBE, Box(0.9, 0.1, 0, (0.4, 0.4, 1.6), 20)], [None, None]),
    "a low one behind": ([CUBE, Box(0.2, 1.4, 0, (0.5, 0.5, 1.2), 10)], [None, None]),
    "no cube in sight": ([Box(0, 0, 0, (0.5, 0.5, 1.2), 10)], [None]),
    "a cube behind another": ([CUBE, cube(0.3, 1.5), Box(0.3, 1.5, 1, (0.4, 0.6, 0.7))], [None, None, 1]),
    "two on two": (
        [CUBE, cube(1.4, 0.4, yaw_deg=65), ON_TOP, Box(1.4, 0.4, 1, (0.3, 0.6, 0.6))],
        [None, None, 0, 1],
    ),
    "two on one": (
        [CUBE, Box(-0.22, 0.05, 1, (0.3, 0.5, 0.8), 20), Box(0.25, 0, 1, (0.3, 0.4, 0.5), 20)],
        [None, 0, 0],
    ),
    "cubes of two sizes": ([CUBE, cube(1.5, 0, edge=0.6), Box(1.5, 0, 0.6, (0.3, 0.2, 0.5))], [None, None, 1]),
    "a cube on a cube": ([CUBE, replace(cube(0, 0, 0.5), foot=1.0)], [None, 0]),
    "a tower": ([CUBE, Box(0, 0, 1, (0.7, 0.6, 0.4)), Box(0.05, 0, 1.4, (0.3, 0.3, 0.7), 50)], [None, 0, 1]),
    "on one of two that stand on the cube": (
        [
            CUBE,
            Box(-0.22, 0, 1, (0.4, 0.5, 0.6), 20),
            Box(0.3, 0, 1, (0.3, 0.4, 0.9), 20),
            Box(-0.2, 0, 1.6, (0.3,) * 3),
        ],
        [None, 0, 0, 1],
    ),
    "leaning against the cube's side": (
        [cube(yaw_deg=0), Box(-0.97, 0, 0.4, (1.2, 0.4, 0.15), 0, tilt_deg=54)],
        [None, None],
    ),
}


def look(pitch_deg: float, distance: float, scale: float, aside: float = 0.0) -> Array:
    """Pose of a camera that looks down at the origin's surroundings by `pitch_deg`."""
    pitch = math.radians(pitch_deg)
    forward = np.array([0, math.cos(pitch), -math.sin(pitch)])
    right = np.array([1.0, 0, 0])
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    pose[:3, 3] = np.array([aside * scale, 0, 0.5 * scale]) - distance * scale * forward
    return pose


@dataclass(frozen=True)
class View:
    """Points (K, 3) of each box and of floor and wall, in the optical frame, and what is seen below each box."""

    points: list[Array]
    background: Array
    borders: LowerBorders


def render(boxes: list[Box], pose: Array, scale: float, seen_by: Camera = CAMERA) -> View:
    """The boxes on a grid of pixels."""
    v, u = np.mgrid[: seen_by.height, : seen_by.width]
    rays = seen_by.unproject(np.stack([u.ravel(), v.ravel()], axis=-1), np.ones(u.size)) @ pose[:3, :3].T
    eye = pose[:3, 3]
    with np.errstate(divide="ignore", invalid="ignore"):
        floor = np.where(rays[:, 2] < 0, -eye[2] / rays[:, 2], np.inf)
        wall = np.where(rays[:, 1] > 0, (4 * scale - eye[1]) / rays[:, 1], np.inf)
        depth, owner = np.minimum(floor, wall), np.full(u.size, -1)
        for k, box in enumerate(boxes):
            near = _entry(box, eye, rays, scale)
            owner = np.where(near < depth, k, owner)
            depth = np.minimum(near, depth)
    points = (rays * depth[:, None]) @ pose[:3, :3]
    grids = owner.reshape(v.shape), depth.reshape(v.shape)
    return View([points[owner == k] for k in range(len(boxes))], points[owner == -1], _borders(*grids, len(boxes)))


def no_borders(count: int) -> LowerBorders:
    return LowerBorders(np.zeros(count), np.zeros((count, count)), np.zeros(count), np.zeros((count, count)))


def _borders(owner: Array, depth: Array, count: int) -> LowerBorders:
    """Pixel by pixel what ops.borders does at once."""
    free, touching, length = np.zeros(count), np.zeros((count, count)), np.full(count, 1e-9)
    background, others = np.zeros(count), np.zeros((count, count))
    for y, x in zip(*np.nonzero(owner >= 0), strict=True):
        k = owner[y, x]
        below = owner[y + 1, x] if y + 1 < len(owner) else None
        if below == k:
            continue
        length[k] += 1
        if below == -1:
            background[k] += 1
        elif below is not None:
            others[k, below] += 1
        nearer = below is not None and depth[y + 1, x] < 0.98 * depth[y, x]
        if below == -1 or (below is not None and not nearer and depth[y + 1, x] > 1.02 * depth[y, x]):
            free[k] += 1
        elif below is not None and not nearer:
            touching[k, below] += 1
    return LowerBorders(free / length, touching / length[:, None], background / length, others / length[:, None])


def _entry(box: Box, eye: Array, rays: Array, scale: float) -> Array:
    """Where rays enter a box (slab test), inf where they miss it."""
    c, s = math.cos(math.radians(box.yaw_deg)), math.sin(math.radians(box.yaw_deg))
    up, along = math.sin(math.radians(box.tilt_deg)), math.cos(math.radians(box.tilt_deg))
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.array([[along, 0, -up], [0, 1, 0], [up, 0, along]])
    half = np.array(box.size) * scale / 2
    origin = (eye - np.array([box.x, box.y, box.foot]) * scale - [0, 0, half[2]]) @ turn
    ways = rays @ turn
    bounds = np.sort(np.stack([(-half - origin) / ways, (half - origin) / ways]), axis=0)
    near, far = bounds[0].max(axis=1), bounds[1].min(axis=1)
    return np.where((near < far) & (near > 0), near, np.inf)


def parents_of(
    boxes: list[Box], pose: Array, scale: float, know_up: bool = True, camera: Camera = CAMERA
) -> list[int | None]:
    view = render(boxes, pose, scale, camera)
    floor = fit_floor(view.background[::7], np.concatenate(view.points), up_from_pose(pose) if know_up else None)
    assert floor is not None
    links = find_parents(view.points, [f"red_{box.shape}" for box in boxes], floor, view.borders, camera.focal_px)
    return [None if link is None else link.parent for link in links]


@pytest.mark.parametrize("pitch_deg", [18, 35, 58])
@pytest.mark.parametrize(("boxes", "parents"), SCENES.values(), ids=SCENES.keys())
def test_parents(boxes: list[Box], parents: list[int | None], pitch_deg: float) -> None:
    assert parents_of(boxes, look(pitch_deg, 7, 0.07), 0.07) == parents


def test_its_lower_end_and_most_of_the_cube_are_hidden() -> None:
    boxes, pose = [CUBE, ON_TOP, Box(0.05, -1.3, 0, (0.9, 0.2, 1.45), 0)], look(18, 7, 0.07)
    points = render(boxes, pose, 0.07).points
    floor = Floor(up_from_pose(pose), -pose[2, 3])
    assert floor.heights(points[1]).min() > 1.1 * 0.07
    assert len(points[0]) < 0.5 * len(render([CUBE, ON_TOP], pose, 0.07).points[0])
    assert parents_of(boxes, pose, 0.07) == [None, 0, None]


@pytest.mark.parametrize("scale", [0.02, 0.07, 1.0, 25.0])
def test_only_proportions_matter(scale: float) -> None:
    boxes, parents = SCENES["two on two"]
    assert parents_of(boxes, look(35, 7, scale), scale) == parents


def test_the_floor_need_not_be_known() -> None:
    boxes, parents = SCENES["two on two"]
    assert parents_of(boxes, look(35, 7, 0.07), 0.07, know_up=False) == parents


@pytest.mark.parametrize("aside", [-1.9, 1.9])
def test_cut_by_the_images_border(aside: float) -> None:
    narrow = CAMERA.cropped(55, 0, 130, 180)
    cut = render([CUBE, ON_TOP], look(30, 6, 0.07, aside), 0.07, narrow)
    whole = render([CUBE, ON_TOP], look(30, 6, 0.07, aside), 0.07)
    assert len(cut.points[0]) < len(whole.points[0])
    assert parents_of([CUBE, ON_TOP], look(30, 6, 0.07, aside), 0.07, camera=narrow) == [None, 0]


@pytest.mark.parametrize("name", ["on the cube", "two on two", "in front of the cube", "right beside the cube"])
@pytest.mark.parametrize("scale_error", [0.9, 1.1])
def test_depth_of_a_wrong_scale_with_noise(name: str, scale_error: float) -> None:
    boxes, parents = SCENES[name]
    pose, rng = look(35, 7, 0.07), np.random.default_rng(1)
    view = render(boxes, pose, 0.07)
    noisy = [p * scale_error * rng.normal(1, 0.01, (len(p), 1)) for p in [*view.points, view.background]]
    floor = fit_floor(noisy[-1][::7], np.concatenate(noisy[:-1]), up_from_pose(pose))
    assert floor is not None
    links = find_parents(noisy[:-1], [f"red_{box.shape}" for box in boxes], floor, view.borders, CAMERA.focal_px)
    assert [None if link is None else link.parent for link in links] == parents


def test_a_link_says_how_sure_it_is() -> None:
    pose = look(35, 7, 0.07)
    view, floor = render([CUBE, ON_TOP], pose, 0.07), Floor(up_from_pose(pose), -pose[2, 3])
    link = find_parents(view.points, PAIR, floor, view.borders, CAMERA.focal_px)[1]
    assert link is not None
    assert 0.9 < link.score <= 1


PAIR = ["a_cube", "a_parallelepiped"]


def test_objects_without_points_have_no_parent() -> None:
    pose = look(35, 7, 0.07)
    view, floor = render([CUBE, ON_TOP], pose, 0.07), Floor(up_from_pose(pose), -pose[2, 3])
    nothing = np.full((512, 3), np.nan)
    for points in ([view.points[0], nothing], [nothing, view.points[1]], [view.points[0], view.points[1][:1]]):
        assert find_parents(points, PAIR, floor, view.borders, CAMERA.focal_px) == [None, None]
    assert find_parents([], [], floor, no_borders(0), CAMERA.focal_px) == []


def test_points_and_borders_of_every_object_are_needed() -> None:
    floor = Floor(np.array([0.0, -1.0, 0.0]), -1.0)
    with pytest.raises(InputError, match="each of 2 objects, got 1"):
        find_parents([np.zeros((4, 3))], PAIR, floor, no_borders(2), 100)
    with pytest.raises(InputError, match=r"touching of shape \(2, 2\), got \(2, 3\)"):
        LowerBorders(np.zeros(2), np.zeros((2, 3)), np.zeros(2), np.zeros((2, 2)))


@pytest.mark.parametrize("pitch_deg", [15, 40, 60])
def test_the_floor_is_found_though_a_wall_is_larger(pitch_deg: float) -> None:
    pose = look(pitch_deg, 7, 0.07)
    view = render([CUBE], pose, 0.07)
    floor = fit_floor(view.background[::5], view.points[0])
    assert floor is not None
    assert floor.up == pytest.approx(up_from_pose(pose), abs=4e-3)
    assert floor.offset_m == pytest.approx(-pose[2, 3], abs=1e-3)


def test_the_floors_scatter_is_measured() -> None:
    rng = np.random.default_rng(0)
    floor_points = np.c_[rng.uniform(-1, 1, 500), rng.normal(0.5, 0.004, 500), rng.uniform(1, 2, 500)]
    floor = fit_floor(floor_points, np.empty((0, 3)), np.array([0.0, -1.0, 0.0]))
    assert floor is not None
    assert floor.spread_m == pytest.approx(0.004, rel=0.15)
    assert floor.offset_m == pytest.approx(-0.5, abs=0.001)


@pytest.mark.parametrize(
    "background",
    [np.empty((0, 3)), np.full((50, 3), np.nan), np.zeros((50, 3)), np.ones((5, 3))],
    ids=["no point", "no valid point", "all in one point", "too few"],
)
def test_without_background_there_is_no_floor(background: Array) -> None:
    assert fit_floor(background, np.empty((0, 3))) is None


def test_horizontal_coordinates() -> None:
    pose = look(30, 7, 1.0)
    floor = Floor(up_from_pose(pose), -pose[2, 3])
    world = np.array([[0.3, 0.4, 0.9], [-1.0, 0.2, 0.0]])
    optical = (world - pose[:3, 3]) @ pose[:3, :3]
    assert floor.heights(optical) == pytest.approx(world[:, 2])
    assert floor.ground(optical) == pytest.approx(world[:, :2] - pose[:2, 3])


def test_a_camera_that_looks_straight_down_has_a_ground_too() -> None:
    floor = Floor(np.array([0.0, 0.0, -1.0]), -2.0)
    assert floor.ground(np.array([[0.1, -0.3, 1.5]])) == pytest.approx(
        np.array([[0.1, 0.3]])
    )  # the image's top is ahead
    assert floor.heights(np.array([[0.1, -0.3, 1.5]])) == pytest.approx([0.5])


def test_up_must_be_a_unit_vector() -> None:
    with pytest.raises(InputError, match="unit vector"):
        Floor(np.array([0.0, -2.0, 0.0]), 0.0)
    with pytest.raises(InputError, match="rotation"):
        up_from_pose(np.zeros((4, 4)))
