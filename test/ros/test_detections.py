"""Objects as vision_msgs and markers: they have the objects' values, and unknown positions are left out."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")

from stand_ins import DEPTH_M, FRAME_ID, camera, picture, stand_in_pipeline
from std_msgs.msg import Header
from visualization_msgs.msg import Marker

from unity_depth_perception.core.objects import DistanceStatistics
from unity_depth_perception.pipeline import Frame, PerceptionResult
from unity_depth_perception.ros.conversions.color_images import rgb_of
from unity_depth_perception.ros.conversions.detections import (
    detections_2d_message,
    detections_3d_message,
    label_info_message,
)
from unity_depth_perception.ros.conversions.headers import stamp_ns_of
from unity_depth_perception.ros.conversions.markers import markers_message
from unity_depth_perception.ros.topics import outputs

STAMP_NS = 3_000_000_007


@pytest.fixture(scope="module")
def result() -> PerceptionResult:
    """A red cube, and a parallelepiped at the same place whose parent is the cube."""
    one = stand_in_pipeline().process(Frame(picture(), camera(), STAMP_NS, FRAME_ID))
    (cube,) = one.objects
    standing = replace(cube, id=1, category="green_parallelepiped", parent_id=0)
    return replace(one, objects=(cube, standing))


@pytest.fixture(scope="module")
def blind(result: PerceptionResult) -> PerceptionResult:
    """The same objects without any depth."""
    nowhere = (math.nan,) * 3
    objects = tuple(replace(o, distance=DistanceStatistics(), position_m=nowhere) for o in result.objects)
    return replace(result, objects=objects)


def test_2d_boxes_are_those_of_the_objects(result: PerceptionResult) -> None:
    cube, standing = detections_2d_message(result).detections
    assert (cube.id, standing.id) == ("0", "1")
    center, size = cube.bbox.center, (cube.bbox.size_x, cube.bbox.size_y)
    assert (center.position.x, center.position.y, center.theta) == (14.5, 24.5, 0.0)
    assert size == (10.0, 10.0)
    assert (cube.results[0].hypothesis.class_id, cube.results[0].hypothesis.score) == ("red_cube", 0.9)


def test_3d_boxes_are_those_of_the_visible_surfaces(result: PerceptionResult) -> None:
    cube, _ = detections_3d_message(result).detections
    box = cube.bbox
    left, right = (
        camera().project((box.center.position.x + sign * box.size.x / 2, 0.0, DEPTH_M))[0] for sign in (-1, 1)
    )
    assert (left, right) == pytest.approx((9.5, 19.5))
    assert box.center.position.z == pytest.approx(DEPTH_M)
    assert cube.results[0].pose.pose.position.z == pytest.approx(DEPTH_M)
    assert cube.bbox.center.orientation.w == 1.0


def test_label_info_names_every_value_of_the_instance_image(result: PerceptionResult) -> None:
    message = label_info_message(result, 0.25)
    assert [(c.class_id, c.class_name) for c in message.class_map] == [(1, "red_cube")]
    assert message.threshold == 0.25


def test_markers_are_boxes_labels_and_parent_arrows(result: PerceptionResult) -> None:
    first, *markers = markers_message(result).markers
    assert first.action == Marker.DELETEALL, "objects of the frame before must not stay"
    assert [(m.ns, m.id, m.type) for m in markers] == [
        ("boxes", 0, Marker.CUBE),
        ("labels", 0, Marker.TEXT_VIEW_FACING),
        ("boxes", 1, Marker.CUBE),
        ("labels", 1, Marker.TEXT_VIEW_FACING),
        ("parents", 1, Marker.ARROW),
    ]
    box, text, *_, arrow = markers
    assert text.text == "red_cube 2.00 m"
    assert text.pose.position.y < box.pose.position.y, "up is -y"
    assert min(box.scale.x, box.scale.y, box.scale.z) > 0
    assert (box.color.r, box.color.g) == pytest.approx((1.0, box.color.b), abs=0.01)
    assert box.color.r > box.color.g
    assert arrow.points[1].z == pytest.approx(DEPTH_M)


def test_object_without_depth_has_no_3d_box_and_no_marker(blind: PerceptionResult) -> None:
    assert len(detections_2d_message(blind).detections) == 2
    assert detections_3d_message(blind).detections == []
    assert len(markers_message(blind).markers) == 1


def test_parent_arrow_needs_depth_of_both_objects(result: PerceptionResult) -> None:
    lost = replace(result.objects[0], distance=DistanceStatistics())
    markers = markers_message(replace(result, objects=(lost, result.objects[1]))).markers
    assert [m.ns for m in markers[1:]] == ["boxes", "labels"]


def test_frame_without_objects_deletes_all_markers(result: PerceptionResult) -> None:
    (marker,) = markers_message(replace(result, objects=())).markers
    assert marker.action == Marker.DELETEALL


def test_every_detection_and_marker_has_the_header_of_the_image(result: PerceptionResult) -> None:
    messages = [detections_2d_message(result), detections_3d_message(result), label_info_message(result)]
    parts = [part for m in messages[:2] for part in m.detections] + markers_message(result).markers
    headers: list[Header] = [part.header for part in messages + parts]
    assert {(stamp_ns_of(h), h.frame_id) for h in headers} == {(STAMP_NS, FRAME_ID)}


def test_overlay_accepts_image_arrays_with_negative_strides(result: PerceptionResult) -> None:
    """An RGBA image with its bottom row first is read as a view with gaps and a negative stride."""
    overlay = outputs._OUTPUTS["debug/overlay"].convert
    rgba = np.dstack([picture(), np.full(picture().shape[:2], 9, dtype=np.uint8)])[::-1].copy()
    view = replace(result, frame=replace(result.frame, image=rgba[::-1, :, :3]))
    plain = rgb_of(overlay(result, None))
    assert np.array_equal(rgb_of(overlay(view, None)), plain)
    assert not np.array_equal(plain, picture()), "something is drawn"
