"""depth_node, segmentation_node and distance_node, connected to each other or to a simulator's depth and masks."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")

import torch
from conftest import Graph
from rclpy.parameter import Parameter
from sensor_msgs.msg import CameraInfo, Image
from stand_ins import CPU, DEPTH_M, FRAME_ID, ConstantDepth, RedSegmenter, camera, camera_info, header, image, picture
from unity_depth_perception.msg import ObjectDistanceArray
from vision_msgs.msg import Detection2DArray, Detection3DArray, LabelInfo, VisionClass

from unity_depth_perception.dataset.messages.headers import stamp_ns_of
from unity_depth_perception.models.null_models import NullDepth, NullSegmenter
from unity_depth_perception.nodes.depth_node import DepthNode
from unity_depth_perception.nodes.distance_node import DistanceNode
from unity_depth_perception.nodes.segmentation_node import SegmentationNode
from unity_depth_perception.pipeline import PerceptionPipeline
from unity_depth_perception.ros.conversions.images import image_message
from unity_depth_perception.ros.topics.qos import OUTPUT_QOS


def test_stage_nodes_in_one_namespace_are_connected(graph: Graph) -> None:
    nodes = [
        DepthNode(lambda _: PerceptionPipeline(ConstantDepth(), NullSegmenter(CPU)), context=graph.context),
        SegmentationNode(lambda _: PerceptionPipeline(NullDepth(CPU), RedSegmenter()), context=graph.context),
        DistanceNode(context=graph.context, parameter_overrides=[Parameter("device", value="cpu")]),
    ]
    assert all(graph.add(node).autostart() for node in nodes)
    images = graph.node.create_publisher(Image, "image_raw", OUTPUT_QOS)
    infos = graph.node.create_publisher(CameraInfo, "camera_info", OUTPUT_QOS)
    distances = graph.collect(ObjectDistanceArray, "objects/distances")
    boxes = graph.collect(Detection2DArray, "objects/detections_2d")
    places = graph.collect(Detection3DArray, "objects/detections_3d")
    graph.spin_until(lambda: all(n._result_publishers.has_subscribers for n in nodes), "all to be watched")
    graph.spin_until(lambda: nodes[0]._result_publishers.is_subscribed("depth/camera_info"), "distance_node to listen")
    graph.spin_until(
        lambda: min(images.get_subscription_count(), infos.get_subscription_count()) == 2, "both to listen"
    )
    infos.publish(camera_info())
    graph.spin_until(lambda: all(n._source.intrinsics.age_s is not None for n in nodes[:2]), "camera_info")
    stamps = itertools.count(8)  # as a camera would: a stage may have been found by its writer and not yet by itself
    graph.node.create_timer(0.2, lambda: images.publish(image(next(stamps))))
    graph.spin_until(lambda: bool(distances and boxes and places), "the results of all stages")
    (item,) = distances[0].objects
    assert (item.category, item.pixel_count) == ("red_cube", 100)
    assert distances[0].header in [header(stamp) for stamp in range(8, next(stamps))]
    assert item.distance.median == pytest.approx(DEPTH_M)
    assert boxes[0].detections[0].bbox.size_x == 10.0
    assert places[0].detections[0].id == f"{stamp_ns_of(places[0].header)}/1"
    assert places[0].detections[0].results[0].hypothesis == boxes[0].detections[0].results[0].hypothesis


class Simulator:
    """A simulator that publishes depth, instances and label_info, and subscribes to distance_node."""

    def __init__(self, graph: Graph, **parameters: Any) -> None:
        overrides = [Parameter(name, value=value) for name, value in parameters.items()]
        self.graph = graph
        self.node = graph.add(DistanceNode(context=graph.context, parameter_overrides=overrides))
        assert self.node.autostart()
        kinds = {"depth/image_rect": Image, "objects/instances": Image, "objects/instance_labels": LabelInfo}
        self.publishers = {name: graph.node.create_publisher(kind, name, OUTPUT_QOS) for name, kind in kinds.items()}
        self.distances = graph.collect(ObjectDistanceArray, "objects/distances")
        graph.spin_until(lambda: all(p.get_subscription_count() for p in self.publishers.values()), "a listener")
        graph.spin_until(lambda: self.node._result_publishers.has_subscribers, "to be watched")

    def send(self, **messages: Any) -> None:
        """Publish those of `depth`, `instances` and `labels` that are given."""
        names = {"depth": "depth/image_rect", "instances": "objects/instances", "labels": "objects/instance_labels"}
        for name, message in messages.items():
            self.publishers[names[name]].publish(message)

    def expect(self, outcome: str, count: int) -> None:
        counts = self.node.counts
        self.graph.spin_until(lambda: counts[outcome] >= count, f"{count} {outcome}")
        assert counts[outcome] == count


@pytest.fixture
def simulator(graph: Graph) -> Simulator:
    return Simulator(graph, vertical_fov_deg=60.0)


def depth(stamp_ns: int, encoding: str = "32FC1") -> Image:
    scale, dtype = (1, np.float32) if encoding == "32FC1" else (1000, np.uint16)
    return image_message(header(stamp_ns), np.full(picture().shape[:2], DEPTH_M * scale, dtype=dtype), encoding)


def instances(stamp_ns: int, value: int = 300) -> Image:
    red = picture()[..., 0] == 255
    return image_message(header(stamp_ns), red.astype(np.uint16) * value, "16UC1")


def labels(stamp_ns: int, value: int = 300) -> LabelInfo:
    return LabelInfo(header=header(stamp_ns), class_map=[VisionClass(class_id=value, class_name="blue_cube")])


SMALL = image_message(header(5), np.zeros((8, 9), dtype=np.uint16), "16UC1")


@pytest.mark.parametrize("encoding", ["32FC1", "16UC1"])
def test_depth_and_instances_of_a_simulator_become_distances(simulator: Simulator, encoding: str) -> None:
    simulator.send(labels=labels(5), depth=depth(5, encoding), instances=instances(5))
    simulator.graph.spin_until(lambda: bool(simulator.distances), "distances")
    (found,) = simulator.distances
    assert (stamp_ns_of(found.header), found.header.frame_id, found.depth_model) == (5, FRAME_ID, "given")
    assert [(o.category, o.pixel_count) for o in found.objects] == [("blue_cube", 100)]
    assert found.objects[0].distance.median == pytest.approx(DEPTH_M)


def test_label_info_of_stamp_zero_holds_for_every_frame(simulator: Simulator) -> None:
    simulator.send(labels=labels(0))
    simulator.graph.spin_until(lambda: simulator.node._source._constant_table is not None, "label_info")
    for stamp_ns in (7, 8):
        simulator.send(depth=depth(stamp_ns), instances=instances(stamp_ns))
        simulator.expect("processed", stamp_ns - 6)
    simulator.send(depth=depth(9), instances=instances(9, value=4))
    simulator.expect("processed", 3)
    simulator.graph.spin_until(lambda: len(simulator.distances) == 3, "distances")
    assert [m.objects[0].category for m in simulator.distances] == ["blue_cube", "blue_cube", "unknown"]


def test_messages_of_different_stamps_are_refused_with_the_reason(simulator: Simulator) -> None:
    for stamp_ns in range(1, 24, 2):
        simulator.send(labels=labels(stamp_ns + 1), depth=depth(stamp_ns), instances=instances(stamp_ns + 1))
        simulator.expect("received", (stamp_ns + 1) // 2)
    simulator.expect("refused", 2)
    assert (
        "expected objects/instances, and objects/detections_2d or objects/instance_labels"
        in simulator.node.counts.last_reason
    )
    assert simulator.distances == []


def test_stamps_within_the_tolerance_are_synchronised(graph: Graph) -> None:
    simulator = Simulator(graph, vertical_fov_deg=60.0, sync_tolerance_s=0.01)
    simulator.send(labels=labels(1_000_000_000), instances=instances(1_000_000_000), depth=depth(1_009_000_000))
    graph.spin_until(lambda: bool(simulator.distances), "distances")
    assert stamp_ns_of(simulator.distances[0].header) == 1_009_000_000, "the depth image's stamp"


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"depth": image(5)}, "expected an encoding of 32FC1, 16UC1, mono16; got 'rgb8'"),
        ({"instances": depth(5)}, "expected an encoding of 16UC1, mono16, 8UC1, mono8, 32SC1; got '32FC1'"),
        ({"instances": SMALL}, "expected an instance image of 64 x 48 px like the depth image, got 9 x 8"),
    ],
    ids=["no depth", "no instances", "another size"],
)
def test_inconsistent_messages_are_refused_and_the_next_frame_processed(
    simulator: Simulator, change: dict[str, Any], said: str
) -> None:
    good = {"labels": labels(5), "depth": depth(5), "instances": instances(5)}
    simulator.send(**good | change)
    simulator.expect("refused", 1)
    assert said in simulator.node.counts.last_reason
    simulator.send(labels=labels(6), depth=depth(6), instances=instances(6))
    simulator.expect("processed", 1)


def test_null_models_give_no_depth_and_no_object() -> None:
    frame = torch.zeros(2, 3, 3, dtype=torch.uint8)
    assert NullDepth(CPU).infer(frame, camera(3, 2)).depth_m.isnan().all()
    assert NullSegmenter(CPU).infer(frame, camera(3, 2)).categories == ()
