"""Faults around a running node: it reports each, and processes the next good frame."""

from __future__ import annotations

import math
import random
import threading
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")

import rclpy
from camera_rig import BEST_EFFORT_QOS, CameraRig, MakeNode
from conftest import DEADLINE_S, Graph
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from geometry_msgs.msg import PoseStamped
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from stand_ins import OutOfMemoryDepth, PoseRejectingDepth, RedSegmenter, camera_info, header, image, stand_in_pipeline
from unity_depth_perception.msg import ObjectDistanceArray

from unity_depth_perception.core.errors import ConfigurationError
from unity_depth_perception.dataset.messages.headers import stamp_ns_of
from unity_depth_perception.nodes.perception_node import PerceptionNode
from unity_depth_perception.pipeline import PerceptionPipeline
from unity_depth_perception.ros.topics.diagnostics import values_of
from unity_depth_perception.ros.topics.qos import OUTPUT_QOS


def test_subscription_matches_a_camera_that_restarts_with_other_qos(rig: CameraRig) -> None:
    rig.send_info()
    rig.process(image(1))
    for stamp_ns, qos in enumerate((BEST_EFFORT_QOS, OUTPUT_QOS), start=2):
        rig.replace_camera(qos)
        assert stamp_ns_of(rig.process(image(stamp_ns)).header) == stamp_ns


def test_subscription_matches_the_qos_of_a_remapped_topic(graph: Graph) -> None:
    """rclpy does not remap relative names in graph queries, so the node must use the full name."""
    remap = ["--ros-args", "-r", "image_raw:=/unity/camera/image_raw"]
    node = PerceptionNode(lambda _: stand_in_pipeline(), context=graph.context, cli_args=remap)
    assert graph.add(node).autostart()
    images = graph.node.create_publisher(Image, "/unity/camera/image_raw", BEST_EFFORT_QOS)
    graph.spin_until(lambda: images.get_subscription_count() > 0, "the best-effort offer to be adopted")


def test_intrinsics_are_scaled_or_refused_while_the_image_size_changes(rig: CameraRig) -> None:
    rig.send_info()
    rig.process(image(1))
    publish_info(rig, camera_info(2, 128, 96))
    rig.process(image(2))  # still the old size: scaled
    rig.process(image(3, 128, 96))
    publish_info(rig, camera_info(4, 64, 64))
    rig.images.publish(image(4, 128, 96))
    rig.expect("refused", 1)
    assert "proportions of the camera's 64 x 64 px, got 128 x 96" in rig.node.counts.last_reason
    assert stamp_ns_of(rig.process(image(5, 64, 64)).header) == 5


@pytest.mark.parametrize("stamps_ns", [(7, 7, 7), (9_000_000_000, 3, 4), (0, 0, 1)], ids=["repeat", "back", "zero"])
def test_every_stamp_is_passed_through(rig: CameraRig, stamps_ns: tuple[int, ...]) -> None:
    rig.send_info()
    assert [stamp_ns_of(rig.process(image(stamp_ns)).header) for stamp_ns in stamps_ns] == list(stamps_ns)


def test_large_frame_after_a_small_one_is_processed(graph: Graph, make_node: MakeNode) -> None:
    rig = CameraRig(graph, make_node(vertical_fov_deg=60.0))
    for stamp_ns, size in enumerate([(640, 480), (4000, 3000), (640, 480)]):
        (item,) = rig.process(image(stamp_ns, *size)).objects
        assert item.pixel_count == 100


def test_frame_too_large_for_gpu_memory_is_skipped(graph: Graph, make_node: MakeNode) -> None:
    rig = CameraRig(graph, make_node(pipeline=PerceptionPipeline(OutOfMemoryDepth(too_large=10_000), RedSegmenter())))
    reports = graph.collect(DiagnosticArray, "/diagnostics")
    rig.send_info()
    rig.process(image(1))
    rig.images.publish(image(2, 640, 480))
    rig.expect("refused", 1)
    said = "the GPU ran out of memory on a frame of 640 x 480 px, which is skipped"
    assert said in rig.node.counts.last_reason
    graph.spin_until(lambda: said in status_of(reports).message, "diagnostics to say so")
    assert status_of(reports).level == DiagnosticStatus.WARN
    rig.process(image(3))
    graph.spin_until(lambda: status_of(reports).level == DiagnosticStatus.OK, "the warning to end")


def test_pose_that_contradicts_its_image_is_counted_and_the_frame_processed(graph: Graph, make_node: MakeNode) -> None:
    rig = CameraRig(graph, make_node(pipeline=PerceptionPipeline(PoseRejectingDepth(), RedSegmenter())))
    poses = graph.node.create_publisher(PoseStamped, "camera_pose", OUTPUT_QOS)
    graph.spin_until(lambda: poses.get_subscription_count() > 0, "a subscription to the pose")
    rig.send_info()
    poses.publish(PoseStamped(header=header(1)))
    graph.spin_until(lambda: rig.node._source.poses.lookup(header(1)) is not None, "the pose")
    assert len(rig.process(image(1)).objects) == 1
    assert (rig.node.counts["processed"], rig.node.counts["refused inputs"]) == (1, 1)
    assert rig.node.counts.last_reason == "down is elsewhere"
    rig.process(image(10**9))  # its pose is not known
    assert rig.node.counts["refused inputs"] == 1


def test_subscriber_that_never_reads_does_not_block_the_node(rig: CameraRig) -> None:
    sleeper = rclpy.create_node("sleeper", context=rig.graph.context)  # in no executor
    for kind, topic in ((PointCloud2, "depth/points"), (ObjectDistanceArray, "objects/distances")):
        sleeper.create_subscription(kind, topic, print, OUTPUT_QOS)
    publishers = rig.node._result_publishers
    rig.graph.spin_until(lambda: publishers.is_subscribed("depth/points"), "the subscriber to be known")
    rig.send_info()
    for stamp_ns in range(20):
        rig.process(image(stamp_ns))
    rig.expect("processed", 20)
    sleeper.destroy_node()


@pytest.mark.parametrize("namespaces", [("/left", "/right"), ("", "")], ids=["two names", "one name"])
def test_two_nodes_in_one_domain_both_work(graph: Graph, namespaces: tuple[str, str]) -> None:
    remap = [w for name in ("image_raw", "camera_info") for w in ("-r", f"{name}:=/unity/camera/{name}")]
    nodes = [
        PerceptionNode(
            lambda _: stand_in_pipeline(), context=graph.context, namespace=name, cli_args=["--ros-args", *remap]
        )
        for name in namespaces
    ]
    assert all(graph.add(node).autostart() for node in nodes)
    images = graph.node.create_publisher(Image, "/unity/camera/image_raw", OUTPUT_QOS)
    infos = graph.node.create_publisher(CameraInfo, "/unity/camera/camera_info", OUTPUT_QOS)
    found = [graph.collect(ObjectDistanceArray, f"{name}/objects/distances") for name in dict.fromkeys(namespaces)]
    graph.spin_until(lambda: images.get_subscription_count() == infos.get_subscription_count() == 2, "both nodes")
    graph.spin_until(lambda: all(node._result_publishers.has_subscribers for node in nodes), "both to be watched")
    infos.publish(camera_info())
    graph.spin_until(lambda: all(node._source.intrinsics.age_s is not None for node in nodes), "camera_info")
    images.publish(image(5))
    graph.spin_until(lambda: sum(map(len, found)) == 2, "the results of both")
    assert all(found)


def test_good_frame_is_processed_after_500_malformed_messages(rig: CameraRig) -> None:
    generator = random.Random(7)
    counts, outcomes = rig.node.counts, ("refused", "refused inputs")
    rig.send_info()
    for number in range(1, 251):
        rig.images.publish(malformed_image(generator))
        rig.infos.publish(malformed_camera_info(generator))
        done = f"pair {number} of 250 to be refused"
        rig.graph.spin_until(lambda n=number: all(counts[outcome] == n for outcome in outcomes), done)
    assert [counts[outcome] for outcome in outcomes] == [250, 250]
    assert rig.distances == []
    rig.expect_good_frame_processed()


def malformed_image(generator: random.Random) -> Image:
    """A valid image with one to four fields replaced by random values that no longer fit each other."""
    g, message = generator, image(generator.randrange(10**9))
    odd = {
        "encoding": lambda: g.choice(["", "rgb", "RGB8", "32FC1", "yuv420", "\u00e9" * 300, "rgb8\n", "mono7"]),
        "width": lambda: g.choice([0, 65, 2**16, 2**31, 2**32 - 1]),
        "height": lambda: g.choice([0, 47, 2**16, 2**31, 2**32 - 1]),
        "step": lambda: g.choice([0, 1, 191, 193, 2**32 - 1]),
        "data": lambda: g.randbytes(g.choice([0, 1, 100, 9215, 9217, 50_000])),
    }
    for name in g.sample(sorted(odd), g.randint(1, 4)):
        setattr(message, name, odd[name]())
    message.is_bigendian = g.randrange(256)
    return message


def malformed_camera_info(generator: random.Random) -> CameraInfo:
    """A camera_info with at least one impossible value, and random values in other fields."""
    g, message = generator, camera_info()
    bad = [0.0, -1.0, math.nan, math.inf, -math.inf]
    kind = g.choice(["focal", "center", "size", "binning"])
    if kind == "focal":
        message.k[g.choice([0, 4])] = g.choice(bad)
    elif kind == "center":
        message.k[g.choice([2, 5])] = g.choice(bad[2:])
    elif kind == "size":
        setattr(message, g.choice(["width", "height"]), 0)
    else:
        setattr(message, g.choice(["binning_x", "binning_y"]), g.choice([65, 2**32 - 1]))
    message.d = [g.choice([*bad, 1e300]) for _ in range(g.randrange(40))]
    message.distortion_model = g.choice(["", "plumb_bob", "equidistant", "?" * 500])
    return message


def publish_info(rig: CameraRig, message: CameraInfo) -> None:
    """Send a camera_info and wait until the node has it."""
    rig.infos.publish(message)
    source, size = rig.node._source, (message.width, message.height)
    rig.graph.spin_until(
        lambda: (source.intrinsics._from_info.camera.width, source.intrinsics._from_info.camera.height) == size,
        "camera_info",
    )


def status_of(reports: list[Any]) -> DiagnosticStatus:
    """The node's last status."""
    found = values_of(reports[-1], "/perception_node") if reports else None
    return found[0] if found else DiagnosticStatus()


def test_invalid_parameter_at_start_is_refused_with_the_allowed_range(graph: Graph) -> None:
    overrides = [Parameter("min_score", value=7.0)]
    with pytest.raises(ConfigurationError, match=r"min_score: expected a number from 0\.0 to 1\.0, got 7\.0"):
        PerceptionNode(context=graph.context, parameter_overrides=overrides)


def test_frame_interrupted_by_shutdown_is_not_reported_as_refused(
    graph: Graph, make_node: MakeNode, capfd: pytest.CaptureFixture[str]
) -> None:
    """After Ctrl-C the publishers are gone, which must not be reported as a refused frame."""
    gate = threading.Semaphore(0)
    rig = CameraRig(graph, make_node(gate))
    rig.send_info()
    rig.images.publish(image())
    rig.expect("received", 1)
    graph.spin_until(lambda: rig.node._worker._waiting is None, "the frame to be in flight")
    rclpy.shutdown(context=graph.context)
    gate.release()
    assert rig.node._worker.stop(DEADLINE_S)
    assert (rig.node.counts["processed"], rig.node.counts["refused"]) == (0, 0)
    assert "refused" not in capfd.readouterr().err
