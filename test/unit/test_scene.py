"""Value types of a reconstruction for exports."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import InputError
from unity_depth_perception.core.gaussians import Gaussians
from unity_depth_perception.export.scene import Scene, SceneObject, SceneView

CAMERA = Camera.from_vertical_fov(math.radians(60), 6, 4)
SCENE = Scene(np.zeros((2, 3), np.float32), np.zeros((2, 3), np.uint8), (), "z_up", "poses", True)
GAUSSIANS = Gaussians(
    np.zeros((2, 3), np.float32),
    np.ones((2, 3), np.float32),
    np.tile(np.float32([1, 0, 0, 0]), (2, 1)),
    np.float32([0, 1]),
    np.zeros((2, 3, 9), np.float32),
)


def view(**values: Any) -> SceneView:
    return SceneView(**{"name": "a.png", "camera": CAMERA, "world_from_camera": np.eye(4)} | values)


def test_scene_says_unit_axes_and_source_of_scale() -> None:
    assert SCENE.frame_description() == {
        "generator": "unity_depth_perception",
        "unit": "m",
        "scale_source": "poses",
        "world": "z_up",
        "axes": "right-handed, z up (ROS, REP 103)",
    }
    assert replace(SCENE, is_metric=False).unit == "none"


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"points_m": np.float32([[0, 0, 0], [0, np.nan, 0]])}, "1 of 2 with NaN"),
        ({"points_m": np.zeros((2, 3))}, r"expected \(2, 3\) float32"),
        ({"colours": np.zeros((1, 3), np.uint8)}, "colours"),
        ({"normals": np.zeros((1, 3), np.float32)}, "normals"),
        ({"confidence": np.zeros((1,), np.float32)}, "confidence"),
        ({"world": "sideways"}, "z_up, optical, given, unity, got 'sideways'"),
        ({"scale_source": "hope"}, "expected scale_source"),
        ({"views": (view(), view())}, "different names"),
    ],
)
def test_impossible_scene_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(SCENE, **values)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"name": "../a.png"}, "without folders"),
        ({"world_from_camera": np.diag([1.0, 1, -1, 1])}, "rigid"),
        ({"depth_m": np.zeros((6, 4), np.float32)}, r"depth: expected \(4, 6\)"),
        ({"image": np.zeros((4, 6), np.uint8)}, "image"),
        ({"confidence": np.zeros((4, 6))}, "confidence"),
    ],
)
def test_impossible_view_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        view(**values)


def test_object_without_extent_is_refused() -> None:
    with pytest.raises(InputError, match="above 0 m"):
        SceneObject("red_cube", np.eye(4), (0.1, 0.0, 0.1))


def test_gaussians_state_their_degree_and_can_be_selected() -> None:
    assert (len(GAUSSIANS), GAUSSIANS.degree) == (2, 2)
    assert GAUSSIANS.only(np.array([False, True])).opacities.tolist() == [1]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"scales_m": np.zeros((2, 3), np.float32)}, "above 0"),
        ({"opacities": np.float32([0, 2])}, "sigmoid"),
        ({"rotations": np.ones((2, 4), np.float32)}, "length 1"),
        ({"harmonics": np.zeros((2, 3, 5), np.float32)}, "got 5"),
        ({"harmonics": np.zeros((2, 9), np.float32)}, "harmonics"),
        ({"means_m": np.full((2, 3), np.nan, np.float32)}, "finite means_m"),
    ],
)
def test_impossible_gaussians_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        replace(GAUSSIANS, **values)
