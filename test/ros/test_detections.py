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
from unity_depth_perception.dataset.messages.camera_info import matrix_of
from unity_depth_perception.dataset.messages.headers import stamp_ns_of
from unity_depth_perception.export.overlay.palette import NAMED
from unity_depth_perception.pipeline import Frame, PerceptionResult
from unity_depth_perception.ros.conversions.color_images import rgb_of
from unity_depth_perception.ros.conversions.detections import (
    class_ids_of,
    class_names_of,
    detections_2d_message,
    detections_3d_message,
    label_info_message,
)
from unity_depth_perception.ros.conversions.markers import markers_message
from unity_depth_perception.ros.conversions.objects_and_clouds import cloud_message, distances_message
from unity_depth_perception.ros.conversions.placement import OPTICAL, Placement
from unity_depth_perception.ros.topics import outputs

STAMP_NS = 3_000_000_007
CLASS_IDS = class_ids_of(("green_parallelepiped", "red_cube"))


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
    cube, standing = detections_2d_message(result, CLASS_IDS).detections
    assert (cube.id, standing.id) == ("3000000007/1", "3000000007/2")
    center, size = cube.bbox.center, (cube.bbox.size_x, cube.bbox.size_y)
    assert (center.position.x, center.position.y, center.theta) == (14.5, 24.5, 0.0)
    assert size == (10.0, 10.0)
    assert (cube.results[0].hypothesis.class_id, cube.results[0].hypothesis.score) == ("2", 0.9)


def test_3d_boxes_are_those_of_the_visible_surfaces(result: PerceptionResult) -> None:
    cube, _ = detections_3d_message(result, CLASS_IDS).detections
    box = cube.bbox
    left, right = (
        camera().project((box.center.position.x + sign * box.size.x / 2, 0.0, DEPTH_M))[0] for sign in (-1, 1)
    )
    assert (left, right) == pytest.approx((9.5, 19.5))
    assert box.center.position.z == pytest.approx(DEPTH_M)
    assert cube.results[0].pose.pose.position.z == pytest.approx(DEPTH_M)
    assert cube.bbox.center.orientation.w == 1.0


def test_ids_of_a_frame_are_the_same_in_2d_and_3d_and_never_reused(result: PerceptionResult) -> None:
    flat, solid = (m(result, CLASS_IDS).detections for m in (detections_2d_message, detections_3d_message))
    assert [d.id for d in flat] == [d.id for d in solid] == [f"{STAMP_NS}/{item.id + 1}" for item in result.objects]
    later = replace(result, frame=replace(result.frame, stamp_ns=STAMP_NS + 1))
    assert not {d.id for d in flat} & {d.id for d in detections_2d_message(later, CLASS_IDS).detections}


def test_class_ids_are_keys_of_label_info(result: PerceptionResult) -> None:
    message = label_info_message(CLASS_IDS, 0.25)
    assert [(c.class_id, c.class_name) for c in message.class_map] == [(1, "green_parallelepiped"), (2, "red_cube")]
    assert message.threshold == 0.25
    names = class_names_of(message)
    found = [d.results[0].hypothesis.class_id for d in detections_2d_message(result, CLASS_IDS).detections]
    assert [names[key] for key in found] == [item.category for item in result.objects]


def test_category_outside_the_class_map_is_its_own_key(result: PerceptionResult) -> None:
    (cube, _) = detections_3d_message(result, {}).detections
    assert cube.results[0].hypothesis.class_id == "red_cube"


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
    assert (box.color.r, box.color.g, box.color.b) == pytest.approx([c / 255 for c in NAMED["red"]], abs=0.01)
    assert box.color.r > box.color.g
    assert arrow.points[1].z == pytest.approx(DEPTH_M)


def test_object_without_depth_has_no_3d_box_and_no_marker(blind: PerceptionResult) -> None:
    assert len(detections_2d_message(blind, CLASS_IDS).detections) == 2
    assert detections_3d_message(blind, CLASS_IDS).detections == []
    assert len(markers_message(blind).markers) == 1


def test_parent_arrow_needs_depth_of_both_objects(result: PerceptionResult) -> None:
    lost = replace(result.objects[0], distance=DistanceStatistics())
    markers = markers_message(replace(result, objects=(lost, result.objects[1]))).markers
    assert [m.ns for m in markers[1:]] == ["boxes", "labels"]


def test_frame_without_objects_deletes_all_markers(result: PerceptionResult) -> None:
    (marker,) = markers_message(replace(result, objects=())).markers
    assert marker.action == Marker.DELETEALL


def test_every_detection_and_marker_has_the_header_of_the_image(result: PerceptionResult) -> None:
    messages = [detections_2d_message(result, CLASS_IDS), detections_3d_message(result, CLASS_IDS)]
    parts = [part for m in messages for part in m.detections] + markers_message(result).markers
    headers: list[Header] = [part.header for part in messages + parts]
    assert {(stamp_ns_of(h), h.frame_id) for h in headers} == {(STAMP_NS, FRAME_ID)}


def test_overlay_is_drawn_over_the_rectified_image(result: PerceptionResult) -> None:
    """result.image is rectified, the image of the frame is as it came."""
    overlay = outputs._OUTPUTS["debug/overlay"].convert
    raw = replace(result, frame=replace(result.frame, image=np.zeros_like(picture())))
    plain = rgb_of(overlay(result, None))
    assert np.array_equal(rgb_of(overlay(raw, None)), plain)
    assert not np.array_equal(plain, picture()), "something is drawn"


def test_markers_live_for_three_intervals(result: PerceptionResult) -> None:
    _, *markers = markers_message(result, interval_s=0.5).markers
    assert {(m.lifetime.sec, m.lifetime.nanosec) for m in markers} == {(1, 500_000_000)}


def test_boxes_positions_and_markers_move_to_the_target_frame(result: PerceptionResult) -> None:
    matrix = np.array([[0.0, 0, 1, 10], [-1, 0, 0, 20], [0, -1, 0, 30], [0, 0, 0, 1]])
    placement = Placement("map", matrix)
    (plain, _), (moved, _) = (detections_3d_message(result, CLASS_IDS, p).detections for p in (OPTICAL, placement))
    before, after = (
        np.array([d.bbox.center.position.x, d.bbox.center.position.y, d.bbox.center.position.z]) for d in (plain, moved)
    )
    assert after == pytest.approx((matrix @ [*before, 1.0])[:3])
    assert matrix_of(moved.bbox.center)[:3, :3] == pytest.approx(matrix[:3, :3], abs=1e-9)
    assert (moved.header.frame_id, moved.header.stamp) == ("map", plain.header.stamp)
    assert moved.bbox.size == plain.bbox.size
    box = markers_message(result, placement).markers[1]
    assert (box.header.frame_id, box.pose) == ("map", moved.bbox.center)
    distances = distances_message(result, placement)
    assert distances.header.frame_id == "map"
    assert distances.objects[0].position == placement.point(result.objects[0].position_m)
    assert distances.objects[0].distance.median == pytest.approx(DEPTH_M), "planar depth stays along the camera's axis"
    cloud = np.frombuffer(cloud_message(result, placement).data, np.float32).reshape(-1, 4)[:, :3]
    flat = np.frombuffer(cloud_message(result).data, np.float32).reshape(-1, 4)[:, :3]
    assert cloud == pytest.approx(flat @ matrix[:3, :3].T + matrix[:3, 3], abs=1e-5)
