"""A node that is processing a frame answers parameter, lifecycle and diagnostics calls; changes at run time."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")

from camera_rig import BEST_EFFORT_QOS, CameraRig, MakeNode
from conftest import Graph
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState
from rcl_interfaces.srv import GetParameters, SetParameters
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from sensor_msgs.msg import CompressedImage, Image, PointCloud2
from stand_ins import HEIGHT, ConstantDepth, RedSegmenter, compressed, image, picture, stand_in_pipeline
from vision_msgs.msg import LabelInfo

from unity_depth_perception.dataset.messages.images import single_channel_of
from unity_depth_perception.models.protocols import DepthPrediction
from unity_depth_perception.nodes.perception_node import PerceptionNode
from unity_depth_perception.pipeline import PerceptionPipeline
from unity_depth_perception.ros.topics.diagnostics import FrameCounts, values_of
from unity_depth_perception.ros.topics.qos import LATCHED_QOS

STAGES = ("wait", "convert", "upload", "proposals", "segmentation", "depth", "objects", "support", "publish")


class SlowDepth(ConstantDepth):
    """Takes 0.3 s for each frame."""

    def infer(self, *arguments: Any) -> DepthPrediction:
        time.sleep(0.3)
        return super().infer(*arguments)


class Busy:
    """A node whose worker waits for `gate` in the middle of a frame, and clients of its services."""

    def __init__(self, graph: Graph, make_node: MakeNode) -> None:
        self.gate = threading.Semaphore(0)
        self.rig = CameraRig(graph, make_node(self.gate))
        self.rig.send_info()
        self.rig.images.publish(image(1))
        self.rig.expect("received", 1)
        graph.spin_until(lambda: self.rig.node._worker._waiting is None, "the frame to be in flight")

    def call(self, service_type: type[Any], name: str, **request: Any) -> Any:
        graph = self.rig.graph
        client = graph.node.create_client(service_type, f"/perception_node/{name}")
        graph.spin_until(client.service_is_ready, name)
        future = client.call_async(service_type.Request(**request))
        graph.spin_until(future.done, f"an answer of {name}")
        return future.result()

    def set(self, **values: Any) -> Any:
        messages = [Parameter(name, value=value).to_parameter_msg() for name, value in values.items()]
        return self.call(SetParameters, "set_parameters", parameters=messages).results[0]


@pytest.fixture
def busy(graph: Graph, make_node: MakeNode) -> Iterator[Busy]:
    busy = Busy(graph, make_node)
    yield busy
    busy.gate.release(10)


def test_node_answers_services_while_it_processes_a_frame(busy: Busy) -> None:
    node, counts = busy.rig.node, busy.rig.node.counts
    assert busy.set(min_score=0.5).successful
    assert node.config.min_score == 0.5
    (value,) = busy.call(GetParameters, "get_parameters", names=["min_score"]).values
    assert value.double_value == 0.5
    reports = busy.rig.graph.collect(DiagnosticArray, "/diagnostics")
    busy.rig.graph.spin_until(lambda: bool(reports), "diagnostics")
    deactivate = Transition(id=Transition.TRANSITION_DEACTIVATE)
    assert busy.call(ChangeState, "change_state", transition=deactivate).success
    assert (counts["processed"], busy.rig.distances) == (0, []), "the frame is still in flight"


def test_invalid_parameter_is_refused_with_the_allowed_values(busy: Busy) -> None:
    for values, said in (
        ({"min_score": 7.0}, "Min: 0.0, Max: 1.0, value: 7.0"),
        ({"depth_encoding": "mono8"}, "expected one of 32FC1, 16UC1, got 'mono8'"),
        ({"outputs": ["depth/points", "smell"]}, "expected a list of one or more of objects/distances, "),
        ({"depth_model": "other"}, "read-only"),
    ):
        result = busy.set(**values)
        assert not result.successful
        assert said in result.reason


def test_frame_in_process_at_deactivation_is_not_published(busy: Busy) -> None:
    rig = busy.rig
    rig.images.publish(image(2))
    rig.expect("received", 2)
    assert rig.node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    assert rig.node.counts["dropped"] == 1, "the waiting frame"
    busy.gate.release(2)
    rig.expect("processed", 1)
    assert rig.node.trigger_activate() == TransitionCallbackReturn.SUCCESS
    rig.graph.spin_until(lambda: rig._connected, "the node to be connected again")
    rig.expect_good_frame_processed(3)
    assert len(rig.distances) == 1


def test_cleanup_fails_until_the_frame_in_process_has_ended(busy: Busy) -> None:
    node = busy.rig.node
    assert node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    assert node.trigger_cleanup() == TransitionCallbackReturn.FAILURE
    assert "clean up again when it has ended" in node.failure
    busy.gate.release(1)
    busy.rig.expect("processed", 1)
    assert node.trigger_cleanup() == TransitionCallbackReturn.SUCCESS
    assert node.failure == ""


def test_score_range_outputs_and_orientation_change_at_run_time(rig: CameraRig) -> None:
    graph, node = rig.graph, rig.node
    depth, points = graph.collect(Image, "depth/image_rect"), graph.collect(PointCloud2, "depth/points")
    graph.spin_until(lambda: node._result_publishers.is_subscribed("depth/points"), "the cloud to be watched")
    rig.send_info()
    (item,) = rig.process(image(1)).objects
    assert item.bbox.y_offset == 20
    graph.spin_until(lambda: len(depth) == len(points) == 1, "depth and cloud")
    change(node, flip_vertical=True, max_depth_m=1.0, outputs=["objects/distances", "depth/image_rect"])
    (item,) = rig.process(image(2)).objects
    assert item.bbox.y_offset == HEIGHT - 30
    graph.spin_until(lambda: len(depth) == 2, "depth")
    assert np.isinf(single_channel_of(depth[1])).all()
    change(node, min_score=0.95, max_depth_m=0.0, depth_encoding="16UC1")
    assert rig.process(image(3)).objects == []
    graph.spin_until(lambda: len(depth) == 3, "depth")
    assert single_channel_of(depth[2])[0, 0] == 2000
    assert len(points) == 1, "the cloud is no longer offered"


def change(node: PerceptionNode, **values: Any) -> None:
    for result in node.set_parameters([Parameter(name, value=value) for name, value in values.items()]):
        assert result.successful, result.reason


def test_compressed_images_are_received_at_the_remapped_name(graph: Graph) -> None:
    node = graph.add(
        PerceptionNode(
            lambda _: stand_in_pipeline(),
            context=graph.context,
            cli_args=["--ros-args", "-r", "image_raw:=/unity/camera/image_raw"],
            parameter_overrides=[Parameter("image_transport", value="compressed")],
        )
    )
    rig = CameraRig(graph, node, topic="/unity/camera/image_raw/compressed", kind=CompressedImage)
    rig.send_info()
    (item,) = rig.process(compressed(picture(), ".png")).objects
    assert item.pixel_count == 100
    rig.images.publish(CompressedImage(format="png", data=b"no image"))
    rig.expect("refused", 1)
    assert "expected a JPEG or PNG image" in rig.node.counts.last_reason


def test_class_map_is_published_once_and_late_subscribers_get_it(rig: CameraRig) -> None:
    rig.expect_good_frame_processed()
    found: list[LabelInfo] = []
    rig.graph.node.create_subscription(LabelInfo, "objects/label_info", found.append, LATCHED_QOS)
    rig.graph.spin_until(lambda: bool(found), "the class map")
    assert [(c.class_id, c.class_name) for c in found[0].class_map] == [(1, "red_cube")]
    rig.process(image(100))
    rig.graph.spin_for(0.3)
    assert len(found) == 1


def test_qos_overrides_apply_to_the_named_output_only(graph: Graph, make_node: MakeNode) -> None:
    name = "qos_overrides./depth/points.publisher"
    node = make_node(**{f"{name}.reliability": "best_effort", f"{name}.depth": 2})
    assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS
    (info,) = node.get_publishers_info_by_topic("/depth/points")
    assert info.qos_profile.reliability == ReliabilityPolicy.BEST_EFFORT
    (other,) = node.get_publishers_info_by_topic("/depth/image_rect")
    assert other.qos_profile.reliability == ReliabilityPolicy.RELIABLE, "only the topic that was named"
    assert node.get_parameter("qos_overrides./depth/image_rect.publisher.depth").value == 5


def test_qos_mismatch_is_counted_in_diagnostics(graph: Graph, make_node: MakeNode) -> None:
    node = make_node(image_reliability="reliable")
    assert node.autostart()
    graph.node.create_publisher(Image, "image_raw", BEST_EFFORT_QOS)
    wish = QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    graph.node.create_subscription(PointCloud2, "depth/points", print, wish)
    graph.spin_until(lambda: node.mismatches.count >= 2, "both mismatches")
    reports = graph.collect(DiagnosticArray, "/diagnostics")
    graph.spin_until(lambda: bool(reports), "diagnostics")
    _, values = values_of(reports[-1], "/perception_node")
    assert int(values["QoS mismatches"]) >= 2
    assert values["last QoS mismatch"] in (
        "a publisher of /image_raw does not fit in RELIABILITY",
        "a subscription of /depth/points does not fit in DURABILITY",
    )


def test_diagnostics_hold_rates_stages_memory_and_the_age_of_camera_info(rig: CameraRig) -> None:
    reports = rig.graph.collect(DiagnosticArray, "/diagnostics")
    rig.graph.spin_until(lambda: bool(reports), "diagnostics")
    status, values = values_of(reports[-1], "/perception_node")
    assert (status.level, status.message) == (DiagnosticStatus.WARN, "no image yet on /image_raw")
    assert values["camera_info age [s]"] == "none yet"
    rig.send_info()
    rig.process(image(1))
    reports.clear()
    rig.graph.spin_until(lambda: bool(reports), "newer diagnostics")
    _, values = values_of(reports[-1], "/perception_node")
    for stage in (*STAGES, "latency"):
        assert 0 <= float(values[f"{stage} p50 [ms]"]) <= float(values[f"{stage} p95 [ms]"]), stage
    assert "stamp to publish p50 [ms]" not in values, "Unity's stamps are not this machine's time"
    assert float(values["camera_info age [s]"]) >= 0
    assert values["intrinsics"] == "camera_info 64 x 48"
    assert float(values["memory [MB]"]) > 50
    assert (values["device"], values["depth model"], values["segmentation model"]) == ("cpu", "compact", "compact")


def test_stage_times_of_a_frame_add_up_to_its_latency(graph: Graph, make_node: MakeNode) -> None:
    rig = CameraRig(graph, make_node(pipeline=PerceptionPipeline(SlowDepth(), RedSegmenter())))
    rig.send_info()
    rig.process(image(1))
    rig.expect("processed", 1)
    graph.spin_until(lambda: "latency p50 [ms]" in rig.node.counts.values(), "the times")
    values = rig.node.counts.values()
    times_ms = {key.removesuffix(" p50 [ms]"): float(value) for key, value in values.items() if "p50" in key}
    latency_ms = times_ms.pop("latency")
    assert set(times_ms) == set(STAGES)
    assert times_ms["depth"] >= 300
    assert sum(times_ms.values()) == pytest.approx(latency_ms, abs=50), "almost all time is in a stage"


def test_age_at_publication_is_reported_where_both_clocks_agree(rig: CameraRig) -> None:
    rig.send_info()
    rig.process(image(time.time_ns() - 2_000_000_000))
    rig.expect("processed", 1)
    assert float(rig.node.counts.values()["stamp to publish p50 [ms]"]) >= 2000


def test_rate_covers_the_last_five_seconds() -> None:
    counts = FrameCounts()
    assert (counts.rate_hz("received"), counts.since_last_s("received")) == (0.0, None)
    for _ in range(5):
        counts.count("received")
    assert counts.rate_hz("received") in (0.0, 1.0), "0 if this machine slept for five seconds in between"
    assert counts.rate_hz("processed") == 0.0
