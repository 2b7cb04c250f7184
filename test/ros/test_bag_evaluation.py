"""The live node at a slow rate and the offline evaluation of one bag give the same objects; results as a bag."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")

from conftest import Graph
from geometry_msgs.msg import PoseStamped
from rclpy.serialization import deserialize_message
from rosbags.highlevel import AnyReader
from sensor_msgs.msg import CameraInfo, Image
from stand_ins import CPU
from terminal import unity_depth
from unity_depth_perception.msg import ObjectDistanceArray

from unity_depth_perception.core.objects import ObjectDistance
from unity_depth_perception.dataset.bag.sample_messages import CAMERA_NAMESPACE, FRAME_ID, write_sample
from unity_depth_perception.dataset.bag.writer import BagWriter
from unity_depth_perception.dataset.messages.headers import stamp_ns_of
from unity_depth_perception.dataset.messages.objects import objects_of
from unity_depth_perception.models.registry import create_depth_estimator, create_segmenter
from unity_depth_perception.pipeline import PerceptionPipeline
from unity_depth_perception.ros.topics.outputs import OUTPUTS
from unity_depth_perception.ros.topics.qos import OUTPUT_QOS
from unity_depth_perception.synthetic.samples import render_samples

KINDS = {"image_raw": Image, "camera_info": CameraInfo, "camera_pose": PoseStamped}
FRAMES = 4


@pytest.fixture(scope="module")
def bag(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("live") / "scenes"
    with BagWriter(path) as writer:
        for index, sample in enumerate(render_samples(range(20, 20 + FRAMES), 320, 240)):
            write_sample(writer, replace(sample, stamp_ns=10**9 + index * 200_000_000))
    return path


@pytest.fixture(scope="module")
def results(bag: Path) -> Path:
    """The bag of results of the offline evaluation."""
    output = bag.parent / "out"
    result = unity_depth("evaluate", bag, "--output", output, "--write-bag", "--device", "cpu")
    assert result.returncode == 0, result.stderr
    return output / "scenes" / "compact" / "results"


def play(graph: Graph, bag: Path, objects: list[ObjectDistanceArray]) -> None:
    """Publish what a camera sends, a frame at a time: the next one when the last one has its objects."""
    publishers = {name: graph.node.create_publisher(kind, name, OUTPUT_QOS) for name, kind in KINDS.items()}
    graph.spin_until(lambda: all(p.get_subscription_count() for p in publishers.values()), "the node to listen")
    with AnyReader([bag]) as reader:
        expected = 0
        for connection, _, raw in reader.messages():
            name = connection.topic.removeprefix(f"{CAMERA_NAMESPACE}/")
            if name in KINDS:
                if name == "image_raw":
                    graph.spin_for(0.2)  # the first camera_info is there before the first image
                    expected += 1
                publishers[name].publish(deserialize_message(bytes(raw), KINDS[name]))
                if name == "image_raw":
                    graph.spin_until(lambda: len(objects) >= expected, f"objects of frame {expected}", 60)  # noqa: B023


def offline_objects(results: Path) -> dict[int, tuple[ObjectDistance, ...]]:
    with AnyReader([results]) as reader:
        topics = [c for c in reader.connections if c.topic.endswith("objects/distances")]
        messages: list[Any] = [reader.deserialize(raw, c.msgtype) for c, _, raw in reader.messages(topics)]
    return {stamp_ns_of(message.header): objects_of(message) for message in messages}


def test_live_node_and_offline_evaluation_give_the_same_objects(
    graph: Graph, make_node: Callable[..., Any], bag: Path, results: Path
) -> None:
    pipeline = PerceptionPipeline(create_depth_estimator("compact", CPU), create_segmenter("compact", CPU))
    node = make_node(pipeline=pipeline)
    assert node.autostart()
    messages = graph.collect(ObjectDistanceArray, "objects/distances")
    play(graph, bag, messages)
    live = {stamp_ns_of(message.header): objects_of(message) for message in messages}
    offline = offline_objects(results)
    assert sorted(live) == sorted(offline) == [10**9 + index * 200_000_000 for index in range(FRAMES)]
    assert sum(map(len, offline.values())) >= FRAMES
    for stamp_ns, objects in offline.items():
        assert [(o.category, o.parent_id, o.bbox) for o in live[stamp_ns]] == [
            (o.category, o.parent_id, o.bbox) for o in objects
        ]
        for mine, theirs in zip(live[stamp_ns], objects, strict=True):
            assert np.allclose(mine.position_m, theirs.position_m, atol=1e-3, equal_nan=True)
            assert np.isclose(mine.distance.median, theirs.distance.median, atol=1e-3, equal_nan=True)


def test_bag_of_results_has_all_topics_with_the_headers_of_the_images(results: Path) -> None:
    found: dict[str, list[Any]] = {}
    with AnyReader([results]) as reader:
        for connection, received_ns, raw in reader.messages():
            message: Any = reader.deserialize(raw, connection.msgtype)
            found.setdefault(connection.topic.removeprefix("/unity/perception/"), []).append((received_ns, message))
    assert set(found) == set(OUTPUTS)
    for name, messages in found.items():
        if name == "objects/label_info":
            assert len(messages) == 1
            continue
        assert len(messages) == FRAMES
        for received_ns, message in messages:
            header = (message.markers[0] if name == "objects/markers" else message).header
            assert (stamp_ns_of(header), header.frame_id) == (received_ns, FRAME_ID)
    depth = found["depth/image_rect"][0][1]
    assert (depth.encoding, depth.width, depth.height) == ("32FC1", 320, 240)


def test_bag_of_results_is_replaced_in_the_next_call(bag: Path, results: Path) -> None:
    arguments = ("--output", bag.parent / "out", "--write-bag", "--device", "cpu", "--limit", "1")
    result = unity_depth("evaluate", bag, *arguments)
    assert result.returncode == 0, result.stderr
    assert len(offline_objects(results)) == 1
    report = json.loads((results.parent / "report.json").read_text())
    assert report["frames"] == 1
