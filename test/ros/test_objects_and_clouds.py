"""Objects and point clouds as messages: values are unchanged, and every message has the frame's header."""

from __future__ import annotations

import math

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")

from stand_ins import DEPTH_M, FRAME_ID, HEIGHT, WIDTH, camera, header, picture, stand_in_pipeline

from unity_depth_perception.core.objects import DistanceStatistics, ObjectDistance
from unity_depth_perception.dataset.messages.headers import stamp_ns_of
from unity_depth_perception.dataset.messages.objects import objects_of
from unity_depth_perception.pipeline import Frame, PerceptionResult
from unity_depth_perception.ros.conversions.headers import time_message
from unity_depth_perception.ros.conversions.objects_and_clouds import cloud_message, distances_message, objects_message

STAMP_NS = 3_000_000_007


@pytest.fixture(scope="module")
def result() -> PerceptionResult:
    return stand_in_pipeline().process(Frame(picture(), camera(), STAMP_NS, FRAME_ID))


def test_cloud_is_organised_and_projects_onto_its_pixels(result: PerceptionResult) -> None:
    message = cloud_message(result)
    assert (message.width, message.height, message.point_step, message.row_step) == (WIDTH, HEIGHT, 16, 16 * WIDTH)
    assert [field.name for field in message.fields] == ["x", "y", "z", "rgb"]
    points = np.frombuffer(message.data, dtype=np.float32).reshape(HEIGHT, WIDTH, 4)
    assert points[25, 15, 2] == DEPTH_M
    assert camera().project(points[25, 15, :3]) == pytest.approx([15, 25], abs=1e-4)
    assert points.view(np.uint32)[25, 15, 3] == 0xFF0000


def test_cloud_and_distances_have_the_header_of_the_image(result: PerceptionResult) -> None:
    for message in (cloud_message(result), distances_message(result)):
        assert (stamp_ns_of(message.header), message.header.frame_id) == (STAMP_NS, FRAME_ID)


def test_distances_message_has_models_and_object(result: PerceptionResult) -> None:
    message = distances_message(result)
    assert (message.depth_model, message.segmentation_model) == ("plane", "red")
    (item,) = message.objects
    assert (item.category, item.parent_id, item.pixel_count) == ("red_cube", -1, 100)
    assert (item.bbox.x_offset, item.bbox.y_offset, item.bbox.width, item.bbox.height) == (10, 20, 10, 10)
    assert item.distance.median == pytest.approx(DEPTH_M)
    assert item.range > DEPTH_M


def test_objects_are_unchanged_by_conversion() -> None:
    full = ObjectDistance(
        id=1,
        category="green_parallelepiped",
        bbox=(530, 550, 562, 600),
        distance=DistanceStatistics(0.5, 0.75, 1.0, 0.25, 2.0),
        parent_id=0,
        score=0.5,
        position_m=(1.0, -2.0, 3.0),
        range_m=4.0,
        valid_ratio=1.0,
        pixel_count=99,
    )
    assert objects_of(objects_message(header(), (full,), "a", "b")) == (full,)


def test_unknown_values_stay_unknown() -> None:
    (item,) = objects_of(objects_message(header(), (ObjectDistance(0, "red_cube", (0, 0, 1, 1)),), "", ""))
    assert item.parent_id is None
    assert all(math.isnan(v) for v in (item.distance.center, item.distance.min, item.range_m, item.valid_ratio))


@pytest.mark.parametrize("stamp_ns", [0, 1, 999_999_999, 1_000_000_000, 2**31 * 10**9 - 1])
def test_stamps_are_unchanged_by_conversion(stamp_ns: int) -> None:
    message = header()
    message.stamp = time_message(stamp_ns)
    assert stamp_ns_of(message) == stamp_ns
