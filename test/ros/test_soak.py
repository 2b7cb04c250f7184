"""Short soak test: memory does not grow with the number of frames. The long one is benchmarks/soak.py."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")

from conftest import Graph
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image, PointCloud2
from stand_ins import header, picture, stand_in_pipeline
from unity_depth_perception.msg import ObjectDistanceArray

from unity_depth_perception.nodes.perception_node import PerceptionNode
from unity_depth_perception.ros.conversions.images import image_message
from unity_depth_perception.ros.topics.qos import OUTPUT_QOS

WIDTH, HEIGHT = 640, 480
FRAME_BYTES = WIDTH * HEIGHT * (3 + 4 + 16)  # image, depth, cloud
WARM_UP, MEASURED = 30, 60


def memory_bytes() -> int:
    """Resident memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def test_processed_frames_do_not_leak_memory(graph: Graph) -> None:
    node = graph.add(
        PerceptionNode(
            lambda _: stand_in_pipeline(),
            context=graph.context,
            parameter_overrides=[Parameter("vertical_fov_deg", value=60.0)],
        )
    )
    assert node.autostart()
    images = graph.node.create_publisher(Image, "image_raw", OUTPUT_QOS)
    done = {"objects": 0, "clouds": 0}

    def count(what: str) -> None:
        done[what] += 1

    graph.node.create_subscription(ObjectDistanceArray, "objects/distances", lambda _: count("objects"), OUTPUT_QOS)
    graph.node.create_subscription(PointCloud2, "depth/points", lambda _: count("clouds"), OUTPUT_QOS)
    graph.spin_until(
        lambda: images.get_subscription_count() > 0 and node._result_publishers.has_subscribers, "the connections"
    )
    graph.spin_until(lambda: node._result_publishers.is_subscribed("depth/points"), "the cloud to be wanted")

    def send(frames: int) -> None:
        for _ in range(frames):
            before = dict(done)
            images.publish(image_message(header(), np.ascontiguousarray(picture(WIDTH, HEIGHT)), "rgb8"))
            graph.spin_until(lambda before=before: all(done[k] > before[k] for k in done), "a frame", 60.0)

    send(WARM_UP)
    before = memory_bytes()
    send(MEASURED)
    grown = memory_bytes() - before
    assert grown < MEASURED * FRAME_BYTES / 10, f"{MEASURED} frames left {grown / 1e6:.1f} MB behind"
    assert node.counts["processed"] >= WARM_UP + MEASURED
