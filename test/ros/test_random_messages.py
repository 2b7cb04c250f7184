"""Seeded random messages into a running node: each is processed, refused or dropped and counted; good frames go on."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")

from camera_rig import CameraRig, MakeNode
from conftest import Graph
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from stand_ins import camera_info, compressed, header, image, picture

from unity_depth_perception.dataset.messages.headers import stamp_ns_of
from unity_depth_perception.ros.topics.qos import OUTPUT_QOS

OUTCOMES = ("processed", "refused", "dropped", "unwatched", "lost")
_NUMBERS = (0.0, -1.0, 1e-300, 1e300, float("nan"), float("inf"), 1.0, 64.0)
_ENCODINGS = (
    "rgb8",
    "rgba8",
    "bgr16",
    "mono16",
    "32FC1",
    "yuv422_yuy2",
    "nv12",
    "bayer_rggb8",
    "",
    "\0",
    "rgb8 ",
    "x" * 300,
)


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def random_image(rng: random.Random, stamp_ns: int) -> Image:
    message = image(stamp_ns)
    if rng.random() < 0.5:
        message.encoding = rng.choice(_ENCODINGS)
    if rng.random() < 0.5:
        message.width, message.height = (rng.choice((0, 1, 7, 64, 65, 2**31, 2**32 - 1)) for _ in range(2))
    if rng.random() < 0.5:
        message.step = rng.choice((0, 1, 3, 192, 2**32 - 1))
    if rng.random() < 0.5:
        message.data = rng.randbytes(rng.choice((0, 1, 100, 9216, 20000)))
    return message


def random_compressed(rng: random.Random, stamp_ns: int) -> CompressedImage:
    message = compressed(picture(), rng.choice((".png", ".jpg")))
    message.header = header(stamp_ns)
    data = bytearray(message.data)
    for _ in range(rng.randrange(4)):
        data[rng.randrange(len(data))] = rng.randrange(256)
    message.data = bytes(data[: rng.choice((len(data), rng.randrange(len(data)), 0))])
    message.format = rng.choice(("png", "jpeg", "rgb8; jpeg compressed bgr8", "16UC1; compressedDepth png", "", "\xff"))
    return message


def random_info(rng: random.Random, stamp_ns: int) -> CameraInfo:
    message = camera_info(stamp_ns)
    if rng.random() < 0.7:
        message.k = [rng.choice(_NUMBERS) for _ in range(9)]
    if rng.random() < 0.5:
        message.width, message.height = (rng.choice((0, 1, 64, 48, 2**32 - 1)) for _ in range(2))
    if rng.random() < 0.5:
        message.d = [rng.choice(_NUMBERS) for _ in range(rng.randrange(15))]
        message.distortion_model = rng.choice(("plumb_bob", "rational_polynomial", "equidistant", "", "?"))
    if rng.random() < 0.3:
        message.roi.width, message.roi.x_offset = rng.randrange(2**32), rng.randrange(2**32)
        message.binning_x = rng.randrange(2**32)
    return message


def random_pose(rng: random.Random, stamp_ns: int) -> PoseStamped:
    message = PoseStamped(header=header(stamp_ns))
    for part, names in ((message.pose.position, "xyz"), (message.pose.orientation, "xyzw")):
        for name in names:
            setattr(part, name, rng.choice(_NUMBERS))
    return message


@pytest.mark.parametrize("transport", ["raw", "compressed"])
@pytest.mark.parametrize("count", [200, pytest.param(5000, marks=pytest.mark.long)], ids=["short", "long"])
def test_random_messages_are_processed_or_counted_and_good_frames_go_on(
    graph: Graph, make_node: MakeNode, transport: str, count: int
) -> None:
    node = make_node(image_transport=transport)
    raw = transport == "raw"
    options: dict[str, Any] = {} if raw else {"topic": "image_raw/compressed", "kind": CompressedImage}
    rig = CameraRig(graph, node, **options)
    infos = graph.node.create_publisher(CameraInfo, "camera_info", OUTPUT_QOS)
    poses = graph.node.create_publisher(PoseStamped, "camera_pose", OUTPUT_QOS)
    rng, before_mb, sent = random.Random(11), resident_mb(), 0
    for index in range(count):
        stamp_ns = rng.choice((0, index + 1, index + 1, rng.randrange(10**12)))
        rig.images.publish(random_image(rng, stamp_ns) if raw else random_compressed(rng, stamp_ns))
        sent += 1
        if rng.random() < 0.5:
            infos.publish(random_info(rng, stamp_ns))
        if rng.random() < 0.3:
            poses.publish(random_pose(rng, stamp_ns))
        graph.spin_for(0.002)
        if index % 100 == 99:
            good_ns = 10**13 + index
            infos.publish(camera_info(good_ns))
            graph.spin_for(0.1)  # where hardly any stamp matches, an image does not wait for its camera_info
            good = image(good_ns) if raw else compressed(picture(), ".png")
            good.header = header(good_ns)
            rig.images.publish(good)
            sent += 1
            results = lambda ns=good_ns: [r for r in rig.distances if stamp_ns_of(r.header) == ns]  # noqa: E731
            graph.spin_until(lambda results=results: bool(results()), "the good frame's distances")
            settled = lambda number=sent: sum(node.counts[o] for o in OUTCOMES) >= number  # noqa: E731
            graph.spin_until(settled, "each image to be processed, refused, dropped or lost by DDS")
            (item,) = results()[0].objects
            assert item.pixel_count == 100
    assert resident_mb() - before_mb < 1000
