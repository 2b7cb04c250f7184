"""Objects, poses, and their JSON form."""

from __future__ import annotations

import json
import math
from typing import Any

import numpy as np
import pytest

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.core.objects import DistanceStatistics, ObjectDistance, shape_of
from unity_depth_perception.core.pose import matrix_from_pose, pose_from_matrix

BOX = ObjectDistance(
    id=1,
    category="green_parallelepiped",
    bbox=(530, 550, 562, 600),
    distance=DistanceStatistics(0.83, 0.84, 0.835, 0.81, 0.86),
    parent_id=0,
    score=0.9,
    position_m=(0.1, 0.2, 0.835),
    range_m=0.86,
    valid_ratio=1.0,
    pixel_count=900,
)


def test_json_round_trip_keeps_the_object() -> None:
    assert ObjectDistance.from_json(json.loads(json.dumps(BOX.to_json()))) == BOX


def test_unknown_numbers_are_null_in_json() -> None:
    unknown = ObjectDistance(0, "red_cube", (0, 0, 1, 1), DistanceStatistics(max=math.inf))
    data = unknown.to_json()
    assert data["distance"] == dict.fromkeys(("center", "mean", "median", "min", "max"))
    assert data["position"] == [None] * 3
    json.dumps(data, allow_nan=False)
    assert math.isnan(ObjectDistance.from_json(data).distance.center)


def test_an_annotation_needs_no_results() -> None:
    data = {"id": 1, "category": "green_parallelepiped", "bbox": [530, 550, 562, 600], "parent_id": 0}
    data["distance"] = {"center": 0.83, "mean": 0.84, "min": 0.81, "max": 0.86}
    read = ObjectDistance.from_json(data)
    assert (read.parent_id, read.distance.center, read.score) == (0, 0.83, 1.0)
    assert math.isnan(read.distance.median)


@pytest.mark.parametrize("parent", [{}, {"parent_id": None}, {"parent_id": -1}], ids=["absent", "null", "-1"])
def test_missing_null_and_negative_parent_mean_no_parent(parent: dict[str, Any]) -> None:
    assert ObjectDistance.from_json({"id": 0, "category": "red_cube", "bbox": [0, 0, 1, 1]} | parent).parent_id is None


BAD_OBJECTS = {
    "no bbox": ({"id": 0, "category": "c"}, "missing: bbox"),
    "bbox of three": ({"id": 0, "category": "c", "bbox": [0, 0, 1]}, "3 values instead of 4"),
    "empty bbox": ({"id": 0, "category": "c", "bbox": [5, 0, 5, 9]}, "max > min"),
    "bbox of texts": ({"id": 0, "category": "c", "bbox": ["a", 0, 5, 9]}, "invalid literal"),
    "id a list": ({"id": [0], "category": "c", "bbox": [0, 0, 5, 9]}, "expected id as a whole number"),
    "id a fraction": ({"id": 1.5, "category": "c", "bbox": [0, 0, 5, 9]}, "expected id as a whole number, got 1.5"),
    "id infinite": ({"id": math.inf, "category": "c", "bbox": [0, 0, 5, 9]}, "expected id as a whole number, got inf"),
    "id a bool": ({"id": True, "category": "c", "bbox": [0, 0, 5, 9]}, "expected id as a whole number, got True"),
    "bbox infinite": ({"id": 0, "category": "c", "bbox": [math.inf, 0, 5, 9]}, "infinity"),
    "category a number": ({"id": 0, "category": 5, "bbox": [0, 0, 5, 9]}, "expected category as a name .* got 5"),
    "no category": ({"id": 0, "category": "", "bbox": [0, 0, 5, 9]}, "expected category as a name .* got ''"),
    "parent a name": ({"id": 0, "category": "c", "bbox": [0, 0, 5, 9], "parent_id": "red"}, "expected parent_id as a"),
    "on itself": ({"id": 3, "category": "c", "bbox": [0, 0, 5, 9], "parent_id": 3}, "stand on itself"),
    "distance a number": ({"id": 0, "category": "c", "bbox": [0, 0, 5, 9], "distance": 0.8}, "get"),
    "position of two": (
        {"id": 0, "category": "c", "bbox": [0, 0, 5, 9], "position": [1, 2]},
        r"position as a list \[x, y, z\]",
    ),
}


@pytest.mark.parametrize(("data", "message"), BAD_OBJECTS.values(), ids=BAD_OBJECTS.keys())
def test_bad_object_is_refused_with_its_source(data: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=rf"^00042\.png: .*{message}"):
        ObjectDistance.from_json(data, source="00042.png")


@pytest.mark.parametrize(
    ("category", "shape"),
    [("red_cube", "cube"), ("dark_red_parallelepiped", "parallelepiped"), ("cube", "cube"), ("", "")],
)
def test_shape_is_the_last_part_of_a_category(category: str, shape: str) -> None:
    assert shape_of(category) == shape


def test_pose_round_trip_keeps_the_pose() -> None:
    rng = np.random.default_rng(0)
    half_turns = [[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]  # where many formulas divide by zero
    for q in [*np.array(half_turns, float), *rng.normal(size=(50, 4))]:
        matrix = matrix_from_pose((1, -2, 3), q)
        assert matrix[:3, :3] @ matrix[:3, :3].T == pytest.approx(np.eye(3))
        position, orientation = pose_from_matrix(matrix)
        assert matrix_from_pose(position, orientation) == pytest.approx(matrix)


def test_a_quarter_turn_about_z_takes_x_to_y() -> None:
    turn = matrix_from_pose((0, 0, 0), (0, 0, math.sqrt(0.5), math.sqrt(0.5)))
    assert turn @ [1, 0, 0, 1] == pytest.approx([0, 1, 0, 1])


@pytest.mark.parametrize(
    ("position", "orientation"),
    [((0, 0), (0, 0, 0, 1)), ((0, 0, math.nan), (0, 0, 0, 1)), ((0, 0, 0), (0, 0, 0, 0)), ((0, 0, 0), (0, 0, 1))],
    ids=["two coordinates", "NaN", "zero quaternion", "three numbers"],
)
def test_an_impossible_pose_is_refused(position: tuple[float, ...], orientation: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="expected a"):
        matrix_from_pose(position, orientation)


def test_a_matrix_that_is_no_rigid_transform_is_refused() -> None:
    with pytest.raises(InputError, match="rigid"):
        pose_from_matrix(np.diag([1.0, 1.0, -1.0, 1.0]))
