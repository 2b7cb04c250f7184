"""Tours: their depth and poses agree from frame to frame, and the camera moves as it should."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.synthetic.random_scene import random_scene
from unity_depth_perception.synthetic.samples import render_sample
from unity_depth_perception.synthetic.scene import CUBE_EDGE_M, Box
from unity_depth_perception.synthetic.tours import tour as tour_module
from unity_depth_perception.synthetic.tours.camera_path import MOTIONS, Motion
from unity_depth_perception.synthetic.tours.tour import Tour, TourConfig

SEEDS = range(2)


def tour_of(motion: Motion = "walk", seed: int = 1, frames: int = 60, **config: object) -> Tour:
    return Tour(TourConfig(frames, motion=motion, **config), seed, 160, 120)


def positions(tour: Tour, numbers: range) -> np.ndarray:
    return np.stack([tour.scene(k).world_from_camera[:3, 3] for k in numbers])


def turns_rad(tour: Tour, numbers: range) -> np.ndarray:
    """Angle between the views of consecutive frames."""
    rotations = [tour.scene(k).world_from_camera[:3, :3] for k in numbers]
    cosines = [(np.trace(a.T @ b) - 1) / 2 for a, b in pairwise(rotations)]
    return np.arccos(np.clip(cosines, -1, 1))


def seen_again(first: Sample, other: Sample) -> tuple[np.ndarray, np.ndarray]:
    """Depth of the first frame's points in the other camera, and the depth that the other frame has there (N,), [m].

    Inverse depth is interpolated, which is exact on a plane.
    """
    camera, (h, w) = first.camera, first.depth_m.shape
    v, u = np.mgrid[:h, :w]
    points = camera.unproject(np.stack([u, v], axis=-1), first.depth_m.astype(np.float64)).reshape(-1, 3)
    other_from_first = np.linalg.inv(other.world_from_camera) @ first.world_from_camera
    points = points @ other_from_first[:3, :3].T + other_from_first[:3, 3]
    points = points[points[:, 2] > 0.01]
    x, y = camera.project(points).T
    inside = (x >= 0) & (x < w - 1) & (y >= 0) & (y < h - 1)
    x, y, expected = x[inside], y[inside], points[inside, 2]
    column, row = x.astype(int), y.astype(int)
    fx, fy, inverse = x - column, y - row, 1 / other.depth_m.astype(np.float64)
    upper = (1 - fx) * inverse[row, column] + fx * inverse[row, column + 1]
    lower = (1 - fx) * inverse[row + 1, column] + fx * inverse[row + 1, column + 1]
    return expected, 1 / ((1 - fy) * upper + fy * lower)


@pytest.mark.parametrize("motion", MOTIONS)
def test_depth_of_consecutive_frames_agrees_by_their_poses(motion: Motion) -> None:
    """Only at edges, and where one view hides what the other shows, it differs."""
    tour = Tour(TourConfig(200, motion=motion), 2, 320, 240)
    for k in (10, 90):
        expected, found = seen_again(tour[k], tour[k + 1])
        assert len(expected) > 0.8 * 320 * 240
        assert (abs(found - expected) < 0.001).mean() > 0.93
        assert np.median(abs(found - expected)) < 0.00002


def test_depth_disagrees_by_a_wrong_pose() -> None:
    tour = Tour(TourConfig(200, motion="orbit"), 2, 320, 240)
    first, other = tour[10], tour[11]
    c, s = math.cos(math.radians(1)), math.sin(math.radians(1))
    other.world_from_camera[:3, :3] = other.world_from_camera[:3, :3] @ np.array([[1, 0, 0], [0, c, -s], [0, s, c]])
    expected, found = seen_again(first, other)
    assert np.median(abs(found - expected)) > 0.004


@pytest.mark.parametrize("motion", MOTIONS)
@pytest.mark.parametrize("moving", [False, True], ids=["static", "moving"])
def test_camera_stays_in_the_room_clear_of_objects_and_shows_them(motion: Motion, moving: bool) -> None:
    for seed in SEEDS:
        tour = tour_of(motion, seed, 40, moving_objects=moving)
        shown = []
        for k in range(len(tour)):
            scene = tour.scene(k)
            eye = scene.world_from_camera[:3, 3]
            assert (eye > scene.room[0] + 0.1).all()
            assert (eye < scene.room[1] - 0.1).all()
            assert min(distance_m(box, eye) for box in scene.solids) > CUBE_EDGE_M
            corners = np.concatenate([corners_of(box) for box in scene.boxes])
            assert (corners[:, :2] > scene.room[0, :2]).all()
            assert (corners[:, :2] < scene.room[1, :2]).all()
            if k % 10 == 0:
                shown.append(len(tour[k].objects))
        assert min(shown) >= 1
        assert np.mean(shown) >= 2


def corners_of(box: Box) -> np.ndarray:
    signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    return box.center_m + (signs * box.size_m / 2) @ box.world_from_box.T


def distance_m(box: Box, point: np.ndarray) -> float:
    outside = np.abs((point - box.center_m) @ box.world_from_box) - box.size_m / 2
    return float(np.linalg.norm(np.maximum(outside, 0)))


@pytest.mark.parametrize("motion", MOTIONS)
def test_velocity_and_turning_have_no_jumps(motion: Motion) -> None:
    """With four times the frames they change a quarter as much from frame to frame; a jump would not shrink."""
    for seed in SEEDS:
        changes = []
        for frames in (150, 600):
            tour, numbers = tour_of(motion, seed, frames), range(frames + 3)  # beyond the end of the round
            steps, turns = np.diff(positions(tour, numbers), axis=0), turns_rad(tour, numbers)
            longest = np.linalg.norm(steps, axis=1).max()
            change = np.linalg.norm(np.diff(steps, axis=0), axis=1).max()
            changes.append((change / longest, abs(np.diff(turns)).max() / turns.max()))
        assert changes[1][0] < 0.4 * changes[0][0]
        assert changes[1][1] < 0.5 * changes[0][1]
        assert longest < 0.05
        assert turns.max() < math.radians(5)


@pytest.mark.parametrize("motion", MOTIONS)
def test_camera_comes_back_after_a_round(motion: Motion) -> None:
    tour = tour_of(motion, 2, 30)
    assert np.allclose(tour.scene(0).world_from_camera, tour.scene(30).world_from_camera)
    assert not np.allclose(tour.scene(0).world_from_camera, tour.scene(15).world_from_camera)


def test_one_round_of_60_views_looks_from_all_sides() -> None:
    offsets = positions(tour_of("orbit"), range(60)) - positions(tour_of("orbit"), range(60)).mean(axis=0)
    directions = np.sort(np.arctan2(offsets[:, 1], offsets[:, 0]))
    assert np.diff(directions).max() < math.radians(15)


def test_given_speed_is_that_of_the_camera() -> None:
    tour = tour_of("orbit", frames=20, speed_m_s=0.3, rate_hz=30.0)
    steps = np.linalg.norm(np.diff(positions(tour, range(20)), axis=0), axis=1)
    assert steps == pytest.approx(0.3 / 30, rel=0.02)


def test_stop_and_go_stops_and_goes() -> None:
    tour = tour_of("stop-and-go", frames=100)
    steps = np.linalg.norm(np.diff(positions(tour, range(100)), axis=0), axis=1)
    standing = steps == 0
    assert 0.3 < standing.mean() < 0.45
    assert (np.diff(standing.astype(int)) == 1).sum() == 5, "times that it comes to a stop"
    still = int(np.flatnonzero(standing)[0])
    first, second = tour[still], tour[still + 1]
    assert np.array_equal(first.depth_m, second.depth_m)
    assert not np.array_equal(first.image, second.image), "the sensor's noise goes on"
    assert np.abs(first.image.astype(int) - second.image).mean() < 8


def test_moving_objects_move_and_their_links_stay_true() -> None:
    for seed in SEEDS:
        tour = tour_of("orbit", seed, 30, moving_objects=True)
        scenes = [tour.scene(k) for k in range(30)]
        way = np.ptp([[box.center_m for box in scene.boxes] for scene in scenes], axis=0)
        assert (way.max(axis=1) > 0.01).any()
        assert (way[:, 2] == 0).all(), "nothing is lifted"
        for scene in scenes:
            for box in scene.boxes:
                if box.parent is None:
                    assert box.center_m[2] == pytest.approx(box.size_m[2] / 2)
                    continue
                parent = scene.boxes[box.parent]
                offset = (box.center_m - parent.center_m) @ parent.world_from_box
                assert np.abs(offset[:2]).max() < CUBE_EDGE_M / 2
                assert offset[2] == pytest.approx((box.size_m[2] + parent.size_m[2]) / 2)
        still = [tour_of("orbit", seed, 30).scene(k).boxes for k in (0, 7)]
        assert all(np.array_equal(a.center_m, b.center_m) for a, b in zip(*still, strict=True))


def test_moving_objects_touch_nothing_but_what_carries_them() -> None:
    """No point of a box's surface lies in another box."""
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, 7)] * 3), axis=-1).reshape(-1, 3)
    surface = grid[np.abs(grid).max(axis=1) == 1]
    for seed in SEEDS:
        tour = tour_of("walk", seed, 40, moving_objects=True)
        for boxes in (tour.scene(k).boxes for k in range(40)):
            for a in boxes:
                points = a.center_m + (surface * a.size_m / 2) @ a.world_from_box.T
                for b in boxes:
                    inside = np.abs((points - b.center_m) @ b.world_from_box) < b.size_m / 2 - 1e-6
                    assert a is b or not inside.all(axis=1).any()


def test_objects_keep_their_ids_although_some_are_hidden() -> None:
    tour = tour_of("walk", 4, 24)
    boxes = tour.scene(0).boxes
    counts = set()
    for sample in (tour[k] for k in range(0, 24, 2)):
        assert [item.category for item in sample.objects] == [boxes[item.id].category for item in sample.objects]
        assert set(np.unique(sample.instances)) - {0} == {item.id + 1 for item in sample.objects}
        parents = {item.id: item.parent_id for item in sample.objects}
        assert all(parent in (None, boxes[id_].parent) for id_, parent in parents.items())
        counts.add(len(sample.objects))
    assert len(counts) > 1, "no object was ever hidden: choose another seed"


def test_frames_have_names_stamps_and_one_camera() -> None:
    tour = tour_of("orbit", frames=2, rate_hz=4.0)
    first, second = tour[0], tour[1]
    assert tour.names == (first.name, second.name) == ("00000.png", "00001.png")
    assert (first.stamp_ns, second.stamp_ns) == (250_000_000, 500_000_000)
    assert first.camera == second.camera == tour.camera
    with pytest.raises(IndexError):
        tour[2]
    assert tour.frame(2).stamp_ns == 750_000_000


def test_seed_determines_the_tour() -> None:
    first, again, other = tour_of(seed=7)[3], tour_of(seed=7)[3], tour_of(seed=8)[3]
    assert np.array_equal(first.image, again.image)
    assert np.array_equal(first.world_from_camera, again.world_from_camera)
    assert not np.array_equal(first.world_from_camera, other.world_from_camera)


def test_tour_of_one_frame_is_a_frame() -> None:
    tour = tour_of("stop-and-go", frames=1, moving_objects=True)
    assert len(tour) == 1
    assert tour[0].objects


def test_with_larger_cubes_the_room_is_as_much_larger() -> None:
    usual, large = (Tour(TourConfig(8), 1, 64, 48, edge_m=edge).scene(3) for edge in (CUBE_EDGE_M, 0.7))
    assert large.world_from_camera[:3, 3] == pytest.approx(10 * usual.world_from_camera[:3, 3])
    assert large.room == pytest.approx(10 * usual.room)
    slow = Tour(TourConfig(8, speed_m_s=0.5, rate_hz=10.0), 1, 64, 48, edge_m=0.7)
    assert np.linalg.norm(np.diff(positions(slow, range(8)), axis=0), axis=1) == pytest.approx(0.05, rel=0.02)


def test_ids_of_a_single_scene_are_counted_unless_they_are_to_be_kept() -> None:
    scene = random_scene(5, 160, 120)
    kept, counted = render_sample(scene, keep_ids=True), render_sample(scene)
    assert [item.id for item in counted.objects] == list(range(len(counted.objects)))
    assert [scene.boxes[item.id].category for item in kept.objects] == [item.category for item in counted.objects]


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"frames": 0}, "1 or more frames, got 0"),
        ({"frames": 5, "motion": "fly"}, "orbit, walk, stop-and-go; got 'fly'"),
        ({"frames": 5, "rate_hz": 0.0}, "rate above 0"),
        ({"frames": 5, "rate_hz": math.nan}, "rate above 0"),
        ({"frames": 5, "speed_m_s": -1.0}, "speed above 0"),
    ],
    ids=["no frames", "motion", "rate", "rate of nan", "speed"],
)
def test_tour_that_cannot_be_is_refused(config: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        TourConfig(**config)


def test_field_of_view_that_shows_no_object_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tour_module, "_TRIES", 2)
    with pytest.raises(InputError, match=r"field of view of 5\.0 deg"):
        Tour(TourConfig(5, motion="walk"), 1, 64, 48, math.radians(5))
