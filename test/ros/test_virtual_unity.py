"""virtual_unity_node: scenes, datasets and videos, in every image format."""

from __future__ import annotations

import array
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")

from conftest import Graph
from geometry_msgs.msg import PoseStamped
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from rosbags.highlevel import AnyReader
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from stand_ins import picture
from unity_depth_perception.msg import ObjectDistanceArray

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.dataset.bag.sample_messages import CAMERA_NAMESPACE, write_sample
from unity_depth_perception.dataset.bag.writer import BagWriter
from unity_depth_perception.dataset.messages.headers import stamp_ns_of
from unity_depth_perception.dataset.messages.images import single_channel_of
from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.dataset.writer import DatasetWriter
from unity_depth_perception.nodes.virtual_unity_node import VirtualUnityNode
from unity_depth_perception.ros.conversions.color_images import rgb_of
from unity_depth_perception.synthetic.samples import render_samples
from unity_depth_perception.synthetic.tours.tour import Tour, TourConfig

MakeUnity = Callable[..., VirtualUnityNode]


@pytest.fixture
def make_unity(graph: Graph) -> MakeUnity:
    def make(**parameters: Any) -> VirtualUnityNode:
        values = {"rate_hz": 20.0, "width": 64, "height": 48} | parameters
        overrides = [Parameter(name, value=value) for name, value in values.items()]
        return graph.add(VirtualUnityNode(context=graph.context, parameter_overrides=overrides))

    return make


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return render_samples([3, 4], 64, 48)


@pytest.fixture
def dataset(tmp_path: Path, samples: list[Sample]) -> Path:
    """Two images, the first with all its ground truth, the second with none."""
    first = samples[0]
    with DatasetWriter(tmp_path / "dataset", first.camera) as writer:
        writer.add(first)
        writer.add(Sample("00001.png", picture(), first.camera))
    return writer.path


@pytest.mark.parametrize("encoding", ["rgb8", "rgba8", "bgr8", "bgra8"])
@pytest.mark.parametrize("flip", [False, True], ids=["top first", "bottom first"])
def test_every_image_format_gives_the_same_picture(
    graph: Graph, make_unity: MakeUnity, samples: list[Sample], encoding: str, flip: bool
) -> None:
    node = make_unity(seed=3, encoding=encoding, flip_vertical=flip, camera_info=False)
    images = graph.collect(Image, "image_raw")
    assert node.autostart()
    graph.spin_until(lambda: bool(images), "an image")
    assert images[0].encoding == encoding
    assert np.array_equal(rgb_of(images[0], flip_vertical=flip), samples[0].image)
    assert graph.node.count_publishers("camera_info") == 0


def test_dataset_is_published_with_the_ground_truth_that_it_has(
    graph: Graph, make_unity: MakeUnity, dataset: Path, samples: list[Sample]
) -> None:
    node = make_unity(source="dataset", path=str(dataset), image_transport="compressed")
    images, infos = graph.collect(CompressedImage, "image_raw/compressed"), graph.collect(CameraInfo, "camera_info")
    depth, poses = graph.collect(Image, "ground_truth/depth"), graph.collect(PoseStamped, "camera_pose")
    truth = graph.collect(ObjectDistanceArray, "ground_truth/objects")
    assert node.autostart()
    pictures = (samples[0].image, picture())

    def shown() -> list[int]:
        return [int(np.argmin([difference(rgb_of(message), pixels) for pixels in pictures])) for message in images]

    # A busy machine may show an image more than once: the next one is not ready.
    graph.spin_until(
        lambda: [k for k, _ in groupby(shown())][:3] == [0, 1, 0], "the first, the second, the first again"
    )
    graph.spin_until(lambda: all((infos, depth, poses)) and len({len(m.objects) for m in truth}) == 2, "the rest")
    assert infos[0].k[0] == pytest.approx(samples[0].camera.fx)
    assert len(depth) < len(images), "the second image has no depth"
    assert {len(m.objects) for m in truth} == {len(samples[0].objects), 0}
    assert single_channel_of(depth[0]).shape == (48, 64)
    stamps = [stamp_ns_of(m.header) for m in images]
    assert stamps == sorted(set(stamps))


def test_video_is_published_in_a_loop(graph: Graph, make_unity: MakeUnity, tmp_path: Path) -> None:
    path = tmp_path / "camera.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"MJPG"), 10, (64, 48))
    for level in (40, 120, 200):
        writer.write(np.full((48, 64, 3), level, dtype=np.uint8))
    writer.release()
    node = make_unity(source="video", path=str(path), vertical_fov_deg=60.0)
    images, infos = graph.collect(Image, "image_raw"), graph.collect(CameraInfo, "camera_info")
    assert node.autostart()
    graph.spin_until(lambda: len(images) >= 8 and bool(infos), "eight images")
    assert {round(float(rgb_of(m).mean()), -1) for m in images} == {40.0, 120.0, 200.0}
    assert infos[0].k[4] == pytest.approx(Camera.from_vertical_fov(np.radians(60), 64, 48).fy)


def test_tour_is_published_as_its_bag_has_it(graph: Graph, make_unity: MakeUnity, tmp_path: Path) -> None:
    """Every message of the first frames, but for the stamps."""
    make_unity(source="tour", tour_frames=3, motion="walk", moving_objects=True, seed=5, rate_hz=4.0).autostart()
    heard: dict[str, list[Any]] = {
        topic: graph.collect(kind, topic)
        for topic, kind in (
            *(("camera_info", CameraInfo), ("camera_pose", PoseStamped), ("image_raw", Image)),
            ("ground_truth/objects", ObjectDistanceArray),
            *(("ground_truth/depth", Image), ("ground_truth/instances", Image)),
        )
    }
    tour = Tour(TourConfig(3, rate_hz=4.0, motion="walk", moving_objects=True), 5, 64, 48)
    with BagWriter(tmp_path / "bag") as bag:
        for sample in (tour.frame(k) for k in range(6)):
            write_sample(bag, sample)
    with AnyReader([tmp_path / "bag"]) as reader:
        recorded: dict[str, list[Any]] = {topic: [] for topic in heard}
        for connection, _, raw in reader.messages():
            message = reader.deserialize(raw, connection.msgtype)
            recorded[connection.topic.removeprefix(f"{CAMERA_NAMESPACE}/")].append(content_of(message))
    graph.spin_until(lambda: all(len(messages) >= 6 for messages in heard.values()), "six frames of every topic")
    for topic, messages in heard.items():
        assert all(content_of(message) in recorded[topic] for message in messages[:3]), topic
    stamps = [stamp_ns_of(message.header) for message in heard["camera_info"]]
    assert stamps == sorted(set(stamps)), "in the second round they go on"


def content_of(message: Any) -> Any:
    """Fields of a message of rclpy or rosbags that can be compared; floats as float32, without the stamp."""
    if isinstance(message, float):
        return repr(np.float32(message))
    if isinstance(message, str | int):
        return message
    if isinstance(message, np.ndarray | array.array):
        return np.asarray(message).tobytes()
    if isinstance(message, list | tuple):
        return [content_of(item) for item in message]
    names = [field.name for field in fields(message)] if is_dataclass(message) else message.get_fields_and_field_types()
    return {name: content_of(getattr(message, name)) for name in names if name not in ("stamp", "__msgtype__")}


def test_frame_interval_stays_within_the_jitter_bounds(graph: Graph, make_unity: MakeUnity) -> None:
    node = make_unity(jitter=0.5, camera_info=False)
    assert node.autostart()
    periods = set()
    graph.spin_until(lambda: periods.add(node._timer.timer_period_ns) or len(periods) > 4, "periods")
    assert all(0.025e9 <= period <= 0.075e9 for period in periods)


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"source": "dataset", "path": "/no/such/folder"}, "/no/such/folder: expected a dataset folder"),
        (
            {"source": "video", "path": "/no/such/file.mp4", "vertical_fov_deg": 60.0},
            "/no/such/file.mp4: expected a video",
        ),
        ({"source": "video", "path": "any.mp4"}, "vertical_fov_deg: expected more than 0"),
    ],
    ids=["no folder", "no video", "no field of view"],
)
def test_source_that_cannot_be_opened_fails_the_transition(
    make_unity: MakeUnity, parameters: dict[str, Any], said: str
) -> None:
    node = make_unity(**parameters)
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
    assert said in node.failure


def difference(one: np.ndarray, other: np.ndarray) -> float:
    """Mean difference of two pictures."""
    return float(np.abs(one.astype(int) - other).mean())
