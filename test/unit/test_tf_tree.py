"""Camera poses from a tree of transforms: chains, interpolation, stamps beyond the last one, restarts."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.dataset.pairing.tf_tree import TfTree


def header(stamp_ns: int, frame_id: str) -> Any:
    return SimpleNamespace(stamp=SimpleNamespace(sec=0, nanosec=stamp_ns), frame_id=frame_id)


def link(parent: str, child: str, stamp_ns: int, x: float, yaw_rad: float = 0.0) -> Any:
    turn = SimpleNamespace(x=0.0, y=0.0, z=float(np.sin(yaw_rad / 2)), w=float(np.cos(yaw_rad / 2)))
    transform = SimpleNamespace(translation=SimpleNamespace(x=x, y=0.0, z=0.0), rotation=turn)
    return SimpleNamespace(header=header(stamp_ns, parent), child_frame_id=child, transform=transform)


@pytest.fixture
def tree() -> TfTree:
    """map -> base (moves), base -> camera (fixed, turned by 90 degrees)."""
    tree = TfTree("map", tolerance_ns=5)
    tree.update([link("base", "camera", 0, 2.0, np.pi / 2)], is_static=True)
    for stamp_ns in (100, 200):
        tree.update([link("map", "base", stamp_ns, stamp_ns / 100)])
    return tree


def test_chain_is_multiplied_from_the_world_down(tree: TfTree) -> None:
    pose = tree.lookup(header(100, "camera"))
    assert pose is not None
    assert pose[:3, 3] == pytest.approx([3.0, 0.0, 0.0])
    assert pose[:3, 0] == pytest.approx([0.0, 1.0, 0.0])


def test_transform_between_two_stamps_is_interpolated(tree: TfTree) -> None:
    assert tree.is_settled(header(150, "/camera"))
    pose = tree.lookup(header(150, "/camera"))
    assert pose is not None
    assert pose[0, 3] == pytest.approx(3.5)


@pytest.mark.parametrize(("stamp_ns", "x"), [(200, 4.0), (205, 4.0), (206, None), (99, None)])
def test_stamp_beyond_the_last_transform_gets_it_within_the_tolerance(
    tree: TfTree, stamp_ns: int, x: float | None
) -> None:
    pose = tree.lookup(header(stamp_ns, "camera"))
    assert (None if pose is None else float(pose[0, 3])) == (None if x is None else pytest.approx(x))
    assert tree.is_settled(header(stamp_ns, "camera")) == (stamp_ns == 200)


def test_unknown_frame_and_unknown_world_have_no_pose(tree: TfTree) -> None:
    assert tree.lookup(header(100, "other")) is None
    assert TfTree("odom").lookup(header(100, "camera")) is None
    tree.update([link("camera", "map", 0, 0.0)], is_static=True)  # a loop
    assert TfTree("nowhere").lookup(header(100, "map")) is None


def test_world_itself_is_the_identity(tree: TfTree) -> None:
    pose = tree.lookup(header(1, "map"))
    assert pose is not None
    assert np.array_equal(pose, np.eye(4))


def test_frames_that_go_back_forget_moving_transforms_alone(tree: TfTree) -> None:
    tree.frames_went_back_to(10)
    assert tree.lookup(header(100, "camera")) is None
    assert tree.lookup(header(100, "base")) is None
    tree.update([link("map", "base", 10, 7.0)])
    pose = tree.lookup(header(10, "camera"))
    assert pose is not None
    assert pose[0, 3] == pytest.approx(9.0)


def test_invalid_transform_is_refused(tree: TfTree) -> None:
    with pytest.raises(InputError, match="expected a position"):
        tree.update([link("map", "base", 300, float("nan"))])
