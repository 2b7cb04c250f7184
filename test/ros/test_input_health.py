"""What is wrong with the inputs shows in diagnostics, and what a node publishes of a frame agrees with itself."""

from __future__ import annotations

import struct
import time
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")

from camera_rig import CameraRig, MakeNode
from conftest import Graph
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseStamped, TransformStamped
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.qos import QoSProfile
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from stand_ins import DEPTH_M, FRAME_ID, HEIGHT, WIDTH, camera, camera_info, header, image, picture, stand_in_pipeline
from std_srvs.srv import SetBool
from unity_depth_perception.msg import ObjectDistanceArray
from visualization_msgs.msg import Marker, MarkerArray

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import ConfigurationError
from unity_depth_perception.dataset.messages.camera_info import intrinsics_of
from unity_depth_perception.dataset.messages.headers import stamp_ns_of
from unity_depth_perception.dataset.messages.images import single_channel_of
from unity_depth_perception.nodes.distance_node import DistanceNode
from unity_depth_perception.pipeline import Frame
from unity_depth_perception.ros.conversions.camera_info import camera_info_message, pose_message
from unity_depth_perception.ros.conversions.images import image_message
from unity_depth_perception.ros.parameters.node_tables import PerceptionConfig
from unity_depth_perception.ros.topics import outputs
from unity_depth_perception.ros.topics.diagnostics import values_of
from unity_depth_perception.ros.topics.qos import OUTPUT_QOS
from unity_depth_perception.ros.topics.transforms import BODY_FROM_OPTICAL, body_frame_of, frame_note

SECOND = 10**9


def status_of(rig: CameraRig) -> tuple[DiagnosticStatus, dict[str, str]]:
    """The node's next status."""
    reports = rig.graph.collect(DiagnosticArray, "/diagnostics")
    rig.graph.spin_until(lambda: any(values_of(r, "/perception_node") for r in reports), "diagnostics")
    found = [values_of(r, "/perception_node") for r in reports]
    return next(f for f in reversed(found) if f)


def zoomed(stamp_ns: int, factor: float) -> CameraInfo:
    c = camera()
    return camera_info_message(header(stamp_ns), Camera(c.width, c.height, c.fx * factor, c.fy * factor, c.cx, c.cy))


def test_every_frame_of_a_zooming_camera_has_its_own_intrinsics(rig: CameraRig) -> None:
    infos = rig.graph.collect(CameraInfo, "depth/camera_info")
    rig.graph.spin_until(lambda: rig.node._result_publishers.is_subscribed("depth/camera_info"), "a watcher")
    rig.send_info(zoomed(0, 1.0))
    for k in range(1, 9):
        rig.images.publish(image(k * SECOND))
        rig.graph.spin_for(0.03)
        rig.infos.publish(zoomed(k * SECOND, 1 + 0.08 * k))
        rig.graph.spin_until(lambda k=k: len(infos) == k, "camera_info of the frame")
        rig.graph.spin_for(0.05)
    found = {stamp_ns_of(i.header) // SECOND: i.k[0] / camera().fx for i in infos}
    assert {k: found[k] for k in range(3, 9)} == pytest.approx({k: 1 + 0.08 * k for k in range(3, 9)})
    assert rig.node.counts["camera_info by stamp"] >= 6


def test_refused_camera_info_is_a_warning_until_a_valid_one_comes(rig: CameraRig) -> None:
    rig.send_info()
    rig.process(image(1))
    bad = camera_info()
    bad.k = np.eye(3).flatten()
    rig.infos.publish(bad)
    rig.expect("refused inputs", 1)
    rig.process(image(2))
    status, _ = status_of(rig)
    assert status.level == DiagnosticStatus.WARN
    assert "camera_info refused: camera_info: expected focal lengths in K, got the identity" in status.message
    rig.infos.publish(camera_info())
    rig.graph.spin_until(lambda: not rig.node._source.problems, "the valid camera_info")
    assert status_of(rig)[0].level == DiagnosticStatus.OK
    assert status_of(rig)[0].hardware_id


def test_pairings_and_stamps_are_counted(rig: CameraRig) -> None:
    poses = rig.graph.node.create_publisher(PoseStamped, "camera_pose", OUTPUT_QOS)
    rig.graph.spin_until(lambda: poses.get_subscription_count() > 0, "a subscription to the pose")
    rig.send_info()
    poses.publish(PoseStamped(header=header(SECOND + 1_000_000)))  # a millisecond off
    rig.graph.spin_until(lambda: rig.node._source.poses.is_published, "the pose")
    for stamp in (SECOND, SECOND, 5 * SECOND, 0):
        rig.process(image(stamp))
    bad = PoseStamped(header=header(6 * SECOND))
    bad.pose.orientation.w = 0.0
    poses.publish(bad)
    rig.expect("refused inputs", 1)
    _, values = status_of(rig)
    assert {k: values[k] for k in ("poses used", "poses missed", "poses refused", "repeated stamps")} == {
        "poses used": "2",
        "poses missed": "2",
        "poses refused": "1",
        "repeated stamps": "2",
    }
    assert values["camera_info latest"] == "4"


@pytest.mark.parametrize("binning", [1, 2])
@pytest.mark.parametrize("is_cropped", [False, True])
@pytest.mark.parametrize("zoom", [1.0, 1.7])
@pytest.mark.parametrize("d", [(), (-0.3, 0.1, 0.001, 0.0, 0.0)], ids=["pinhole", "distorted"])
def test_cloud_depth_and_camera_info_of_a_frame_agree(
    binning: int, is_cropped: bool, zoom: float, d: tuple[float, ...]
) -> None:
    message = zoomed(1, zoom)
    message.width, message.height = WIDTH * binning, HEIGHT * binning
    if is_cropped:
        message.width, message.height = message.width + 40, message.height + 20
        message.roi.x_offset, message.roi.y_offset = 30, 10
        message.roi.width, message.roi.height = WIDTH * binning, HEIGHT * binning
    message.binning_x = message.binning_y = binning
    message.d, message.p[0], message.p[5] = list(d), message.k[0] * 0.9, message.k[4] * 0.95
    intrinsics = intrinsics_of(message, is_rectified=False).of_image(WIDTH, HEIGHT)
    frame = Frame(picture(), intrinsics.camera, 1, FRAME_ID, lens=intrinsics.lens)
    result = stand_in_pipeline().process(frame)
    view = outputs.View(PerceptionConfig(), {})
    info, depth, cloud = (
        outputs._OUTPUTS[name].convert(result, view)
        for name in ("depth/camera_info", "depth/image_rect", "depth/points")
    )
    assert (list(info.d), info.k[0]) == ([0.0] * 5, info.p[0])
    z = single_channel_of(depth).astype(np.float64)
    v, u = np.mgrid[:HEIGHT, :WIDTH]
    points = np.stack([(u - info.p[2]) / info.p[0] * z, (v - info.p[6]) / info.p[5] * z, z], axis=-1)
    found = np.frombuffer(cloud.data, np.float32).reshape(HEIGHT, WIDTH, 4)[..., :3]
    assert np.nanmax(np.abs(found - points)) < 1e-6 * DEPTH_M
    assert np.array_equal(np.isnan(found[..., 2]), np.isnan(z))
    for item in result.objects:
        x, y = np.round(intrinsics.camera.project(item.position_m)).astype(int)
        assert result.segmentation.instances[y, x] == item.id + 1, "the position projects into the mask"


def test_distorted_picture_is_undistorted_and_published_as_rectified(rig: CameraRig) -> None:
    infos = rig.graph.collect(CameraInfo, "depth/camera_info")
    overlays = rig.graph.collect(Image, "debug/overlay")
    rig.graph.spin_until(lambda: rig.node._result_publishers.is_subscribed("debug/overlay"), "a watcher")
    message = camera_info()
    message.d = [-0.6, 0.1, 0.0, 0.0, 0.0]
    rig.send_info(message)
    (item,) = rig.process(image(1)).objects
    rig.graph.spin_until(lambda: bool(infos and overlays), "the outputs")
    assert list(infos[0].d) == [0.0] * 5
    assert (item.bbox.x_offset, item.bbox.width) != (10, 10), "the box belongs to the rectified picture"
    assert "undistorted" in status_of(rig)[1]["intrinsics"]


def labels(stamp_ns: int, name: str) -> Any:
    from vision_msgs.msg import LabelInfo, VisionClass

    return LabelInfo(header=header(stamp_ns), class_map=[VisionClass(class_id=1, class_name=name)])


class Simulator:
    """Depth, instances and tables for a distance_node."""

    def __init__(self, graph: Graph, **parameters: Any) -> None:
        from vision_msgs.msg import Detection2DArray, LabelInfo

        overrides = [Parameter(n, value=v) for n, v in ({"vertical_fov_deg": 60.0} | parameters).items()]
        self.graph, self.node = graph, graph.add(DistanceNode(context=graph.context, parameter_overrides=overrides))
        assert self.node.autostart()
        kinds = {
            "depth/image_rect": Image,
            "objects/instances": Image,
            "objects/instance_labels": LabelInfo,
            "objects/detections_2d": Detection2DArray,
            "objects/label_info": LabelInfo,
        }
        self.publishers = {name: graph.node.create_publisher(kind, name, OUTPUT_QOS) for name, kind in kinds.items()}
        self.distances = graph.collect(ObjectDistanceArray, "objects/distances")
        graph.spin_until(lambda: all(p.get_subscription_count() for p in self.publishers.values()), "a listener")
        graph.spin_until(lambda: self.node._result_publishers.has_subscribers, "to be watched")

    def send(self, name: str, message: Any) -> None:
        self.publishers[name].publish(message)
        self.graph.spin_for(0.05)

    def send_images(self, stamp_ns: int, encoding: str = "16UC1") -> None:
        depth = np.full((HEIGHT, WIDTH), DEPTH_M, dtype=np.float32)
        self.send("depth/image_rect", image_message(header(stamp_ns), depth, "32FC1"))
        kind = {"16UC1": np.uint16, "mono8": np.uint8, "8UC1": np.uint8, "32SC1": np.int32}[encoding]
        red = (picture()[..., 0] == 255).astype(kind)
        self.send("objects/instances", image_message(header(stamp_ns), red, encoding))


@pytest.mark.parametrize("is_table_first", [True, False])
def test_tables_of_stamp_zero_that_change_are_a_warning_and_then_belong_to_their_frame(
    graph: Graph, is_table_first: bool
) -> None:
    simulator = Simulator(graph)
    for k, name in enumerate(("red_cube", "blue_cube", "green_cube", "red_cube")):
        if is_table_first:
            simulator.send("objects/instance_labels", labels(0, name))
        simulator.send_images(0)
        if not is_table_first:
            simulator.send("objects/instance_labels", labels(0, name))
        graph.spin_until(lambda k=k: len(simulator.distances) > k, "distances")
    assert "two different messages of objects/instance_labels with one stamp" in simulator.node.counts.last_reason
    assert "stamps of depth/image_rect do not advance" in simulator.node._source.problems["stamps"]
    assert simulator.node._health()[0] == DiagnosticStatus.WARN
    assert [m.objects[0].category for m in simulator.distances[-2:]] == ["green_cube", "red_cube"]


def test_categories_of_an_instance_image_come_from_the_detections_of_its_stamp(graph: Graph) -> None:
    from unity_depth_perception.ros.conversions.detections import (
        class_ids_of,
        detections_2d_message,
        label_info_message,
    )

    simulator, class_ids = Simulator(graph), class_ids_of(("blue_cube", "red_cube"))
    result = stand_in_pipeline().process(Frame(picture(), camera(), 7 * SECOND, FRAME_ID))
    simulator.send_images(7 * SECOND)
    simulator.send("objects/detections_2d", detections_2d_message(result, class_ids))
    graph.spin_until(lambda: simulator.node.counts["refused"] == 1, "the frame without a class map to be refused")
    assert "waiting for objects/label_info" in simulator.node.counts.last_reason
    simulator.send("objects/label_info", label_info_message(class_ids))
    later = stand_in_pipeline().process(Frame(picture(), camera(), 8 * SECOND, FRAME_ID))
    simulator.send("objects/detections_2d", detections_2d_message(later, class_ids))
    simulator.send_images(8 * SECOND)
    graph.spin_until(lambda: bool(simulator.distances), "distances")
    (item,) = simulator.distances[-1].objects
    assert (item.category, item.score) == ("red_cube", pytest.approx(0.9))


def test_more_values_than_detections_are_refused(graph: Graph) -> None:
    from vision_msgs.msg import Detection2DArray

    simulator = Simulator(graph)
    simulator.send_images(SECOND)
    simulator.send("objects/detections_2d", Detection2DArray(header=header(SECOND)))
    graph.spin_until(lambda: simulator.node.counts["refused"] == 1, "the frame to be refused")
    assert "got 0 detections and the value 1: they are not of one frame" in simulator.node.counts.last_reason


@pytest.mark.parametrize("encoding", ["8UC1", "mono8", "32SC1"])
def test_instance_images_of_other_encodings_are_taken(graph: Graph, encoding: str) -> None:
    simulator = Simulator(graph)
    simulator.send("objects/instance_labels", labels(0, "red_cube"))
    simulator.send_images(SECOND, encoding)
    graph.spin_until(lambda: bool(simulator.distances), "distances")
    assert [o.category for o in simulator.distances[0].objects] == ["red_cube"]


def test_markers_are_deleted_when_the_node_is_deactivated(rig: CameraRig) -> None:
    markers = rig.graph.collect(MarkerArray, "objects/markers")
    rig.graph.spin_until(lambda: rig.node._result_publishers.is_subscribed("objects/markers"), "a watcher")
    rig.expect_good_frame_processed()
    rig.graph.spin_until(lambda: bool(markers), "markers")
    assert rig.node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    rig.graph.spin_until(lambda: len(markers) == 2, "the deletion")
    assert [m.action for m in markers[1].markers] == [Marker.DELETEALL]


def test_frame_in_process_publishes_nothing_after_the_deletion(rig: CameraRig) -> None:
    markers = rig.graph.collect(MarkerArray, "objects/markers")
    rig.graph.spin_until(lambda: rig.node._result_publishers.is_subscribed("objects/markers"), "a watcher")
    rig.node._result_publishers.clear()  # as a signal does while the worker computes
    rig.send_info()
    rig.images.publish(image())
    rig.graph.spin_until(lambda: rig.node.counts["processed"] > 0, "the frame to be processed")
    rig.graph.spin_for(0.5)
    assert [m.action for message in markers for m in message.markers] == [Marker.DELETEALL]


def test_images_are_not_received_while_nobody_watches(graph: Graph, make_node: MakeNode) -> None:
    node = make_node()
    assert node.autostart()
    images = graph.node.create_publisher(Image, "image_raw", OUTPUT_QOS)
    graph.spin_until(lambda: images.get_subscription_count() == 1, "a subscription")
    graph.spin_until(lambda: images.get_subscription_count() == 0, "the images to be unsubscribed")
    assert "nobody subscribes to an output: images are not received" in node._health()[1]
    graph.collect(ObjectDistanceArray, "objects/distances")
    graph.spin_until(lambda: images.get_subscription_count() == 1, "the images to be subscribed to again")


def test_service_enable_stops_and_starts_the_images(rig: CameraRig) -> None:
    client = rig.graph.node.create_client(SetBool, "/perception_node/enable")
    rig.graph.spin_until(client.service_is_ready, "the service")
    rig.expect_good_frame_processed()
    for enabled in (False, True):
        future = client.call_async(SetBool.Request(data=enabled))
        rig.graph.spin_until(future.done, "an answer")
        assert future.result().success
        rig.graph.spin_until(lambda e=enabled: rig.images.get_subscription_count() == int(e), "the subscription")
        if not enabled:
            assert rig.node._health() == (DiagnosticStatus.OK, "disabled by the service enable")
    rig.process(image(100))


def test_node_reports_under_simulated_time_without_clock(graph: Graph, make_node: MakeNode) -> None:
    rig = CameraRig(graph, make_node(use_sim_time=True))
    rig.send_info()
    rig.process(image(1))
    status, _ = status_of(rig)
    assert (status.level, status.message) == (DiagnosticStatus.WARN, "use_sim_time is set, but nobody publishes /clock")


def test_images_that_the_middleware_loses_are_counted(graph: Graph, make_node: MakeNode) -> None:
    rig = CameraRig(graph, make_node(vertical_fov_deg=60.0))
    rig.process(image(1))
    rig.graph.spin_for(0.6)  # the node knows that there is one publisher
    for k in range(60):  # nobody spins meanwhile: the history of 10 overflows
        rig.images.publish(image(k * SECOND + 2))
    time.sleep(0.3)
    rig.graph.spin_until(
        lambda: rig.node.counts["received"] + rig.node.counts["lost"] >= 61, "received + lost to add up"
    )
    assert rig.node.counts["lost"] > 0
    assert rig.node.counts["received"] + rig.node.counts["lost"] == 61


@pytest.mark.parametrize(
    ("frame", "body"),
    [("unity_camera_optical", "unity_camera"), ("cam_optical_frame", "cam"), ("camera", "camera_body")],
)
def test_body_frame_is_named_after_the_optical_frame(frame: str, body: str) -> None:
    assert body_frame_of(frame) == body


@pytest.mark.parametrize(("frame", "said"), [("", "no frame_id"), ("camera_link", "does not name an optical frame")])
def test_doubtful_frame_is_noted(frame: str, said: str) -> None:
    assert said in frame_note(frame)
    assert frame_note("unity_camera_optical") == ""


def test_parameter_frame_id_replaces_an_empty_one(graph: Graph, make_node: MakeNode) -> None:
    rig = CameraRig(graph, make_node(frame_id="cam_optical", vertical_fov_deg=60.0))
    message = image(1)
    message.header.frame_id = ""
    assert rig.process(message).header.frame_id == "cam_optical"


WORLD_FROM_OPTICAL = np.array([[1.0, 0, 0, 1], [0, 0, 1, 2], [0, -1, 0, 3], [0, 0, 0, 1]])


def pose(stamp_ns: int) -> PoseStamped:
    return PoseStamped(header=header(stamp_ns), pose=pose_message(WORLD_FROM_OPTICAL))


@pytest.mark.parametrize("target", ["world", "unity_camera"])
def test_results_come_in_the_target_frame_at_the_stamp_of_the_image(
    graph: Graph, make_node: MakeNode, target: str
) -> None:
    rig = CameraRig(graph, make_node(target_frame=target, vertical_fov_deg=60.0))
    poses = graph.node.create_publisher(PoseStamped, "camera_pose", OUTPUT_QOS)
    clouds = graph.collect(PointCloud2, "depth/points")
    graph.spin_until(lambda: poses.get_subscription_count() > 0, "a subscription to the pose")
    graph.spin_until(lambda: rig.node._result_publishers.is_subscribed("depth/points"), "a watcher")
    poses.publish(pose(SECOND))
    graph.spin_until(lambda: rig.node._source.poses.is_published, "the pose")
    found = rig.process(image(SECOND))
    assert (found.header.frame_id, stamp_ns_of(found.header)) == (target, SECOND)
    matrix = WORLD_FROM_OPTICAL if target == "world" else BODY_FROM_OPTICAL
    p = found.objects[0].position
    back = np.linalg.inv(matrix) @ [p.x, p.y, p.z, 1.0]
    assert back[2] == pytest.approx(DEPTH_M)
    graph.spin_until(lambda: bool(clouds), "the cloud")
    first = struct.unpack_from("<fff", bytes(clouds[0].data))
    assert (np.linalg.inv(matrix) @ [*first, 1.0])[2] == pytest.approx(DEPTH_M, abs=1e-5)


def test_target_frame_without_a_pose_is_refused_with_the_reason(graph: Graph, make_node: MakeNode) -> None:
    rig = CameraRig(graph, make_node(target_frame="world", vertical_fov_deg=60.0))
    rig.images.publish(image(SECOND))
    rig.expect("refused", 1)
    assert "target_frame 'world': no camera pose at the image's stamp" in rig.node.counts.last_reason


@pytest.fixture
def tf_type() -> Any:
    return pytest.importorskip("tf2_msgs.msg", reason="needs tf2_msgs (make setup)").TFMessage


def heard(graph: Graph, tf_type: Any) -> dict[tuple[str, str], TransformStamped]:
    found: dict[tuple[str, str], TransformStamped] = {}

    def take(message: Any) -> None:
        found.update({(t.header.frame_id, t.child_frame_id): t for t in message.transforms})

    from rclpy.qos import DurabilityPolicy

    static = QoSProfile(depth=10, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    graph.node.create_subscription(tf_type, "/tf", take, 10)
    graph.node.create_subscription(tf_type, "/tf_static", take, static)
    return found


def send_poses(rig: CameraRig, seconds: float) -> None:
    poses = rig.graph.node.create_publisher(PoseStamped, "camera_pose", OUTPUT_QOS)
    rig.graph.spin_until(lambda: poses.get_subscription_count() > 0, "a subscription to the pose")
    end, stamp = time.monotonic() + seconds, SECOND
    while time.monotonic() < end:
        stamp += SECOND // 10
        rig.images.publish(image(stamp))
        poses.publish(pose(stamp))
        rig.graph.spin_for(0.1)


def test_transforms_of_the_camera_are_broadcast_from_its_poses(graph: Graph, make_node: MakeNode, tf_type: Any) -> None:
    rig = CameraRig(graph, make_node(vertical_fov_deg=60.0, pose_frame="map"))
    found = heard(graph, tf_type)
    send_poses(rig, 1.6)
    body = found[("map", "unity_camera")].transform
    assert (body.translation.x, body.translation.y, body.translation.z) == pytest.approx((1.0, 2.0, 3.0))
    optical = found[("unity_camera", FRAME_ID)].transform.rotation
    assert (optical.x, optical.y, optical.z, optical.w) == pytest.approx((-0.5, 0.5, -0.5, 0.5))
    assert rig.node._source.transforms.state == "publishing"


def test_auto_is_silent_where_the_camera_has_a_parent(graph: Graph, make_node: MakeNode, tf_type: Any) -> None:
    rig = CameraRig(graph, make_node(vertical_fov_deg=60.0))
    theirs = graph.node.create_publisher(tf_type, "/tf", 10)
    graph.spin_until(lambda: theirs.get_subscription_count() > 0, "a subscription to tf")
    foreign = TransformStamped(header=header(1), child_frame_id=FRAME_ID)
    foreign.header.frame_id = "robot"
    theirs.publish(tf_type(transforms=[foreign]))
    found = heard(graph, tf_type)
    send_poses(rig, 1.6)
    assert found == {}
    assert rig.node._source.transforms.state == f"silent: {FRAME_ID} has the parent robot already"


def test_publish_tf_without_tf2_msgs_fails_with_the_reason(
    graph: Graph, make_node: MakeNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "tf2_msgs", None)
    monkeypatch.setitem(sys.modules, "tf2_msgs.msg", None)
    node = make_node(publish_tf="true")
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
    assert "publish_tf: true needs tf2_msgs" in node.failure
    assert issubclass(ConfigurationError, Exception)
