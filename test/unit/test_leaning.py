"""Planks that lie aslant from a cube's upper edge down to the floor: the law of the lever says what carries them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from box_scenes import CAMERA, Box, cube, look, parents_of

from unity_depth_perception.core.ground_plane import GroundPlane
from unity_depth_perception.core.support_relations.leaning import find_lean
from unity_depth_perception.core.support_relations.objects_on_ground import GroundedObjects, place_on_ground

EDGE_M = 0.07


def leaning(length: float, tilt_deg: float, yaw_deg: float, foot: float = 0.0) -> list[Box]:
    """A cube at the origin, and a plank over its upper edge, from the floor or higher; lengths in edges of the cube."""
    thickness, tilt, yaw = 0.15, math.radians(tilt_deg), math.radians(yaw_deg)
    x = -0.5 - (1 - foot) / math.tan(tilt) + length / 2 * math.cos(tilt) - thickness / 2 * math.sin(tilt)
    middle = foot + length / 2 * math.sin(tilt) + thickness / 2 * math.cos(tilt)
    plank = Box(
        x * math.cos(yaw), x * math.sin(yaw), middle - thickness / 2, (length, 0.4, thickness), yaw_deg,
        tilt_deg=tilt_deg,
    )  # fmt: skip
    return [cube(yaw_deg=yaw_deg), plank]


@pytest.mark.parametrize("pitch_deg", [18, 35, 58])
@pytest.mark.parametrize("yaw_deg", [0, 40, 75, 130, 220, 310])
@pytest.mark.parametrize(("length", "tilt_deg"), [(3.8, 25), (3.1, 32)], ids=["flat", "middling"])
def test_the_edge_bears_a_plank_whose_middle_is_nearer_to_it_than_to_the_foot(
    length: float, tilt_deg: float, yaw_deg: float, pitch_deg: float
) -> None:
    assert parents_of(leaning(length, tilt_deg, yaw_deg), look(pitch_deg, 8, EDGE_M), EDGE_M) == [None, 0]


@pytest.mark.parametrize("pitch_deg", [18, 35, 58])
@pytest.mark.parametrize("yaw_deg", [0, 40, 130])
@pytest.mark.parametrize(("length", "tilt_deg"), [(2.2, 50), (2.0, 60)])
def test_the_floor_bears_most_of_a_plank_that_leans_steeply(
    length: float, tilt_deg: float, yaw_deg: float, pitch_deg: float
) -> None:
    """Though its middle is nearer to the edge: that pushes at right angles to the plank, more aside than up."""
    assert parents_of(leaning(length, tilt_deg, yaw_deg), look(pitch_deg, 7, EDGE_M), EDGE_M) == [None, None]


@pytest.mark.parametrize("pitch_deg", [20, 50])
@pytest.mark.parametrize("yaw_deg", [0, 40, 130, 220])
@pytest.mark.parametrize(("length", "tilt_deg", "carrier"), [(3.0, 25, 0), (2.6, 32, 0), (1.7, 40, 2)])
def test_its_foot_may_be_on_another_body(
    length: float, tilt_deg: float, carrier: int, yaw_deg: float, pitch_deg: float
) -> None:
    foot, way = 0.2, math.radians(yaw_deg)
    away = 0.5 + (1 - foot) / math.tan(math.radians(tilt_deg))
    plate = Box(-away * math.cos(way), -away * math.sin(way), 0, (0.6, 0.8, foot), yaw_deg)
    boxes = [*leaning(length, tilt_deg, yaw_deg, foot), plate]
    assert parents_of(boxes, look(pitch_deg, 8, EDGE_M), EDGE_M) == [None, carrier, None]


@pytest.mark.parametrize("yaw_deg", [0, 40, 220])
def test_what_carries_a_plank_does_not_depend_on_the_order_of_the_objects_or_on_who_else_is_there(
    yaw_deg: float,
) -> None:
    carrier, plank = leaning(3.1, 32, yaw_deg)
    pose = look(35, 8, EDGE_M)
    assert parents_of([plank, carrier], pose, EDGE_M) == [1, None]
    assert parents_of([carrier, plank, Box(0.3, 1.6, 0, (0.5, 0.5, 1.2), 10)], pose, EDGE_M) == [None, 0, None]


def line(length_m: float, slope: float) -> np.ndarray:
    """Points (64, 3) of a floor's frame, x right and y down, on a line that rises to the right from the floor."""
    right = np.linspace(0, length_m, 64)
    return np.stack([right, 1.0 - slope * right, np.full(64, 2.0) + np.tile([0.0, 0.02], 32)], axis=1)


FLOOR = GroundPlane(np.array([0.0, -1.0, 0.0]), -1.0)


def body(points: np.ndarray) -> GroundedObjects:
    return place_on_ground([points], [points], FLOOR, np.array([False]), np.ones(1), 1 / CAMERA.focal_px)


@pytest.mark.parametrize(("edge_at", "balance_m"), [(0.6, 0.1), (0.8, 0.0), (0.95, -0.075)])
def test_the_balance_is_that_of_a_lever(edge_at: float, balance_m: float) -> None:
    """Half a metre to the middle, of a plank of one metre that rises by a half: M cos^2(slope) - D / 2."""
    along = np.linspace(0, 1, 64)
    over = np.stack([along < 0.1, along > edge_at])
    lean = find_lean(body(line(1.0, 0.5)), 0, over, np.array([0.2, 0.5 * edge_at]), slack_m=0.02)
    assert lean is not None
    assert lean.on == 1
    assert lean.balance_m == pytest.approx(balance_m, abs=0.03)


def test_what_is_upright_or_over_nothing_does_not_lean() -> None:
    upright = np.stack([np.tile(np.linspace(0, 1, 8), 8), 1 - np.repeat(np.linspace(0, 1, 8), 8), np.full(64, 2.0)], 1)
    for points, over in ((upright, 1), (line(1.0, 0.5), 0)):
        half = points[:, 0] > np.median(points[:, 0])
        carriers = half[None][:over]
        assert find_lean(body(points), 0, carriers, np.full(over, 0.2), slack_m=0.05) is None


def test_a_plank_that_reaches_through_what_it_is_over_does_not_lie_on_it() -> None:
    points = line(1.0, 0.5)
    over = (points[:, 0] > 0.6)[None]
    assert find_lean(body(points), 0, over, np.array([0.9]), slack_m=0.05) is None
