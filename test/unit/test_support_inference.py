"""Support inference in small scenes whose truth is known, seen by a ray caster of a few lines."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from box_scenes import CAMERA, Array, Box, cube, look, no_contact_edges, parents_of, render

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.core.ground_plane import GroundPlane, fit_ground_plane, up_from_pose
from unity_depth_perception.core.support_relations.evidence import ContactEdges
from unity_depth_perception.core.support_relations.inference import find_parents

CUBE = cube()
ON_TOP = Box(0.05, -0.1, 1.0, (0.5, 0.4, 0.8), 50)

# Lengths in edges of the cube; a row: boxes, and for each the index of its supporter.
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
    "over a lower cube": (
        [CUBE, Box(0, 0.95, 0, (0.5, 0.5, 1.4), 20), Box(-0.2, 0.5, 1.4, (0.5, 1.9, 0.3), 20)],
        [None, None, 1],
    ),
    "leaning against the cube's side": (
        [cube(yaw_deg=0), Box(-0.97, 0, 0.4, (1.2, 0.4, 0.15), 0, tilt_deg=54)],
        [None, None],
    ),
}


@pytest.mark.parametrize("pitch_deg", [18, 35, 58])
@pytest.mark.parametrize(("boxes", "parents"), SCENES.values(), ids=SCENES.keys())
def test_parents(boxes: list[Box], parents: list[int | None], pitch_deg: float) -> None:
    assert parents_of(boxes, look(pitch_deg, 7, 0.07), 0.07) == parents


@pytest.mark.parametrize("pitch_deg", [70, 80, 88])
@pytest.mark.parametrize("name", ["on the cube", "a tower", "a flat one", "two on one", "a cube on a cube"])
def test_parents_seen_from_above(name: str, pitch_deg: float) -> None:
    """Only upper faces are visible, so depth shows no lower end: the object that frames another one supports it."""
    boxes, parents = SCENES[name]
    assert parents_of(boxes, look(pitch_deg, 7, 0.07), 0.07) == parents


@pytest.mark.parametrize("pitch_deg", [20, 40])
def test_what_stands_on_something_unlabelled_has_no_parent(pitch_deg: float) -> None:
    """Its lower end meets the background, though above the floor; no object beside it need carry it."""
    boxes = [cube(x=-0.65, yaw_deg=0), Box(0.2, 0, 1.15, (0.5, 0.5, 0.8), 0), Box(0.3, 0, 0, (0.6, 0.8, 1.15), 0)]
    assert parents_of(boxes, look(pitch_deg, 7, 0.07), 0.07, unlabelled=1) == [None, None]


def test_parents_when_the_lower_end_and_most_of_the_cube_are_hidden() -> None:
    boxes, pose = [CUBE, ON_TOP, Box(0.05, -1.3, 0, (0.9, 0.2, 1.45), 0)], look(18, 7, 0.07)
    points = render(boxes, pose, 0.07).points
    floor = GroundPlane(up_from_pose(pose), -pose[2, 3])
    assert floor.heights(points[1]).min() > 1.1 * 0.07
    assert len(points[0]) < 0.5 * len(render([CUBE, ON_TOP], pose, 0.07).points[0])
    assert parents_of(boxes, pose, 0.07) == [None, 0, None]


@pytest.mark.parametrize("cut_px", [4, 8, 11])
def test_parents_when_the_images_border_cuts_off_the_lower_end(cut_px: int) -> None:
    """Of the object no lower end is visible, of the cube its sides are."""
    boxes, pose = [CUBE, Box(0.15, -0.3, 1, (0.5, 0.4, 0.9), 20)], look(40, 7, 0.07)
    rows = np.flatnonzero((render(boxes[1:], pose, 0.07).owner == 0).any(axis=1))
    camera = CAMERA.cropped(0, 0, CAMERA.width, int(rows[-1]) + 1 - cut_px)
    assert parents_of(boxes, pose, 0.07, camera=camera) == [None, 0]


@pytest.mark.parametrize("scale", [0.02, 0.07, 1.0, 25.0])
def test_parents_do_not_depend_on_the_scale_of_the_scene(scale: float) -> None:
    boxes, parents = SCENES["two on two"]
    assert parents_of(boxes, look(35, 7, scale), scale) == parents


def test_parents_without_known_gravity() -> None:
    boxes, parents = SCENES["two on two"]
    assert parents_of(boxes, look(35, 7, 0.07), 0.07, know_up=False) == parents


@pytest.mark.parametrize("aside", [-1.9, 1.9])
def test_parents_when_the_images_border_cuts_off_a_side(aside: float) -> None:
    narrow = CAMERA.cropped(55, 0, 130, 180)
    cut = render([CUBE, ON_TOP], look(30, 6, 0.07, aside), 0.07, narrow)
    whole = render([CUBE, ON_TOP], look(30, 6, 0.07, aside), 0.07)
    assert len(cut.points[0]) < len(whole.points[0])
    assert parents_of([CUBE, ON_TOP], look(30, 6, 0.07, aside), 0.07, camera=narrow) == [None, 0]


@pytest.mark.parametrize("name", ["on the cube", "two on two", "in front of the cube", "right beside the cube"])
@pytest.mark.parametrize("scale_error", [0.9, 1.1])
def test_parents_from_noisy_depth_of_a_wrong_scale(name: str, scale_error: float) -> None:
    boxes, parents = SCENES[name]
    pose, rng = look(35, 7, 0.07), np.random.default_rng(1)
    view = render(boxes, pose, 0.07)
    noisy = [p * scale_error * rng.normal(1, 0.01, (len(p), 1)) for p in [*view.points, view.background]]
    floor = fit_ground_plane(noisy[-1][::7], np.concatenate(noisy[:-1]), up_from_pose(pose))
    assert floor is not None
    categories = [f"red_{box.shape}" for box in boxes]
    links = find_parents(noisy[:-1], categories, floor, view.edges, CAMERA.focal_px)
    assert [None if link is None else link.parent for link in links] == parents


def test_a_link_has_the_probability_of_its_hypothesis() -> None:
    pose = look(35, 7, 0.07)
    view, floor = render([CUBE, ON_TOP], pose, 0.07), GroundPlane(up_from_pose(pose), -pose[2, 3])
    link = find_parents(view.points, PAIR, floor, view.edges, CAMERA.focal_px)[1]
    assert link is not None
    assert 0.9 < link.score <= 1


PAIR = ["a_cube", "a_parallelepiped"]


def test_objects_without_points_have_no_parent() -> None:
    pose = look(35, 7, 0.07)
    view, floor = render([CUBE, ON_TOP], pose, 0.07), GroundPlane(up_from_pose(pose), -pose[2, 3])
    nothing = np.full((512, 3), np.nan)
    for points in ([view.points[0], nothing], [nothing, view.points[1]], [view.points[0], view.points[1][:1]]):
        assert find_parents(points, PAIR, floor, view.edges, CAMERA.focal_px) == [None, None]
    assert find_parents([], [], floor, no_contact_edges(0), CAMERA.focal_px) == []


def test_points_and_contact_edges_are_of_the_same_objects() -> None:
    floor = GroundPlane(np.array([0.0, -1.0, 0.0]), -1.0)
    with pytest.raises(InputError, match="each of 2 objects, got 1"):
        find_parents([np.zeros((4, 3))], PAIR, floor, no_contact_edges(2), 100)
    with pytest.raises(InputError, match=r"touching of shape \(2, 2\), got \(2, 3\)"):
        ContactEdges(np.zeros(2), np.zeros((2, 3)), *np.zeros((2, 2)), np.zeros((2, 2)))


@pytest.mark.parametrize("pitch_deg", [15, 40, 60])
def test_the_floor_is_found_though_a_wall_is_larger(pitch_deg: float) -> None:
    pose = look(pitch_deg, 7, 0.07)
    view = render([CUBE], pose, 0.07)
    floor = fit_ground_plane(view.background[::5], view.points[0])
    assert floor is not None
    assert floor.up == pytest.approx(up_from_pose(pose), abs=4e-3)
    assert floor.offset_m == pytest.approx(-pose[2, 3], abs=1e-3)


@pytest.mark.parametrize("pitch_deg", [40, 65, 75])
@pytest.mark.parametrize("aside_deg", [-140, -40])
def test_a_wall_behind_the_camera_is_no_floor(aside_deg: float, pitch_deg: float) -> None:
    """A lens of wide angle that looks down sees it too, and its normal points up in the image; but the objects, which
    are lower than the eye, are farther from it than the eye is."""
    rng, pose, way = np.random.default_rng(2), look(pitch_deg, 5, 0.1), np.radians(aside_deg)
    floor_points = np.c_[rng.uniform(-0.3, 0.3, (500, 2)), np.zeros(500)]
    to_wall, along = np.array([np.cos(way), np.sin(way), 0]), np.array([-np.sin(way), np.cos(way), 0])
    wall = 0.7 * to_wall + rng.uniform(-0.6, 0.6, (1500, 1)) * along + rng.uniform(0, 0.9, (1500, 1)) * [0, 0, 1]
    objects = np.c_[rng.uniform(-0.1, 0.1, (200, 2)), rng.uniform(0, 0.1, 200)]
    seen = [(points - pose[:3, 3]) @ pose[:3, :3] for points in (np.concatenate([floor_points, wall]), objects)]
    floor = fit_ground_plane(*seen)
    assert floor is not None
    assert floor.up == pytest.approx(up_from_pose(pose), abs=5e-3)


@pytest.mark.parametrize("seed", range(6))
def test_a_floor_of_which_little_is_seen_is_found(seed: int) -> None:
    """Among many walls: three of its points are in one of few trials only if they are sought next to each other."""
    rng, pose = np.random.default_rng(seed), look(65, 5, 0.1)
    rooms = [np.c_[rng.uniform(-0.3, 0.3, (200, 2)), np.zeros(200)]]
    for way in np.radians(np.arange(0, 180, 20)):  # panels side by side, each as large as the floor
        across, along = np.array([np.cos(way), np.sin(way), 0]), np.array([-np.sin(way), np.cos(way), 0])
        places = rng.uniform([-0.15, 0.0], [0.15, 0.9], (200, 2))
        rooms.append(0.9 * across + places[:, :1] * along + places[:, 1:] * [0, 0, 1])
    objects = np.c_[rng.uniform(-0.1, 0.1, (200, 2)), rng.uniform(0, 0.1, 200)]
    seen = [(points - pose[:3, 3]) @ pose[:3, :3] for points in (np.concatenate(rooms), objects)]
    floor = fit_ground_plane(*seen)
    assert floor is not None
    assert floor.up == pytest.approx(up_from_pose(pose), abs=0.01)


def test_the_noise_of_the_ground_plane_is_measured() -> None:
    rng = np.random.default_rng(0)
    floor_points = np.c_[rng.uniform(-1, 1, 500), rng.normal(0.5, 0.004, 500), rng.uniform(1, 2, 500)]
    floor = fit_ground_plane(floor_points, np.empty((0, 3)), np.array([0.0, -1.0, 0.0]))
    assert floor is not None
    assert floor.noise_m == pytest.approx(0.004, rel=0.15)
    assert floor.offset_m == pytest.approx(-0.5, abs=0.001)


@pytest.mark.parametrize(("noise_m", "tilted"), [(0.0, True), (0.01, False)])
def test_a_camera_half_a_pixel_off_sees_its_floor_tilted(noise_m: float, tilted: bool) -> None:
    """Exact depth shows the tilt; where the noise is larger than the tilt, gravity is the better source."""
    rng, tilt = np.random.default_rng(0), 0.002
    right, forward = rng.uniform(-1, 1, 500), rng.uniform(1, 2, 500)
    floor_points = np.c_[right, 0.5 - tilt * forward + rng.normal(0, noise_m, 500), forward]
    floor = fit_ground_plane(floor_points, np.empty((0, 3)), np.array([0.0, -1.0, 0.0]))
    assert floor is not None
    assert floor.up[2] == pytest.approx(-tilt if tilted else 0.0, abs=1e-4)


@pytest.mark.parametrize(
    "background",
    [np.empty((0, 3)), np.full((50, 3), np.nan), np.zeros((50, 3)), np.ones((5, 3))],
    ids=["no point", "no valid point", "all in one point", "too few"],
)
def test_without_background_there_is_no_floor(background: Array) -> None:
    assert fit_ground_plane(background, np.empty((0, 3))) is None


def test_horizontal_coordinates() -> None:
    pose = look(30, 7, 1.0)
    floor = GroundPlane(up_from_pose(pose), -pose[2, 3])
    world = np.array([[0.3, 0.4, 0.9], [-1.0, 0.2, 0.0]])
    optical = (world - pose[:3, 3]) @ pose[:3, :3]
    assert floor.heights(optical) == pytest.approx(world[:, 2])
    assert floor.ground(optical) == pytest.approx(world[:, :2] - pose[:2, 3])


def test_a_camera_that_looks_straight_down_has_a_ground_too() -> None:
    floor = GroundPlane(np.array([0.0, 0.0, -1.0]), -2.0)
    assert floor.ground(np.array([[0.1, -0.3, 1.5]])) == pytest.approx(
        np.array([[0.1, 0.3]])
    )  # the image's top is ahead
    assert floor.heights(np.array([[0.1, -0.3, 1.5]])) == pytest.approx([0.5])


def test_up_must_be_a_unit_vector() -> None:
    with pytest.raises(InputError, match="unit vector"):
        GroundPlane(np.array([0.0, -2.0, 0.0]), 0.0)
    with pytest.raises(InputError, match="rotation"):
        up_from_pose(np.zeros((4, 4)))
