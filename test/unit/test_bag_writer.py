"""Bags: the type store equals the .msg files; what is written is read back by rosbags."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from rosbags.highlevel import AnyReader
from rosbags.typesys import get_types_from_msg

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import DatasetError
from unity_depth_perception.core.objects import DistanceStatistics, ObjectDistance
from unity_depth_perception.dataset.bag.message_types import DEFINITIONS, message_types
from unity_depth_perception.dataset.bag.sample_messages import CAMERA_NAMESPACE, FRAME_ID, write_sample
from unity_depth_perception.dataset.bag.writer import BagWriter
from unity_depth_perception.dataset.sample import Sample

ROOT = Path(__file__).parents[2]
FILES = {
    f"{package}/msg/{path.stem}": path
    for package, folder in (("unity_depth_perception", "msg"), ("vision_msgs", "cmake/vision_msgs/msg"))
    for path in sorted((ROOT / folder).glob("*.msg"))
}


@pytest.fixture
def sample() -> Sample:
    """A 4 x 3 px image with one object, its pose and all truths."""
    cube = ObjectDistance(
        id=4,
        category="red_cube",
        bbox=(1, 0, 3, 2),
        distance=DistanceStatistics(0.5, 0.5, 0.5, 0.25, 0.75),
        position_m=(0.125, 0.25, 0.5),
        range_m=0.625,
        valid_ratio=1.0,
        pixel_count=4,
    )
    instances = np.zeros((3, 4), dtype=np.uint16)
    instances[:2, 1:3] = cube.id + 1
    pose = np.eye(4)
    pose[:3, 3] = (1.0, 2.0, 3.0)
    return Sample(
        name="00000.png",
        image=np.arange(36, dtype=np.uint8).reshape(3, 4, 3),
        camera=Camera.from_vertical_fov(1.0, 4, 3),
        objects=(cube,),
        depth_m=np.array([[0.5, np.nan, np.inf, 1.0]] * 3, dtype=np.float32),
        instances=instances,
        world_from_camera=pose,
        stamp_ns=1_500_000_001,
    )


def test_definitions_are_those_of_the_message_files() -> None:
    assert set(FILES) == set(DEFINITIONS)
    for name, path in FILES.items():
        assert get_types_from_msg(DEFINITIONS[name], name) == get_types_from_msg(path.read_text(), name), name


@pytest.mark.parametrize("storage", ["mcap", "sqlite3"])
def test_bag_holds_every_message_of_a_sample(tmp_path: Path, sample: Sample, storage: str) -> None:
    with BagWriter(tmp_path / "bag", storage) as bag:
        write_sample(bag, sample)
    with AnyReader([tmp_path / "bag"]) as reader:  # knows no types but those in the bag
        read = {c.topic: (t, reader.deserialize(raw, c.msgtype)) for c, t, raw in reader.messages()}
    assert {stamp for stamp, _ in read.values()} == {sample.stamp_ns}
    messages = {topic.removeprefix(f"{CAMERA_NAMESPACE}/"): message for topic, (_, message) in read.items()}
    headers = {(m.header.stamp.sec, m.header.stamp.nanosec, m.header.frame_id) for m in messages.values()}
    assert headers == {(1, 500_000_001, FRAME_ID)}
    image, depth, instances = (messages[t] for t in ("image_raw", "ground_truth/depth", "ground_truth/instances"))
    assert (image.encoding, image.step, depth.encoding, instances.encoding) == ("rgb8", 12, "32FC1", "16UC1")
    assert np.array_equal(image.data.reshape(3, 4, 3), sample.image)
    assert np.array_equal(depth.data.view(np.float32).reshape(3, 4), sample.depth_m, equal_nan=True)
    assert np.array_equal(instances.data.view(np.uint16).reshape(3, 4), sample.instances)
    assert messages["camera_info"].k.tolist() == sample.camera.k.flatten().tolist()
    assert messages["camera_pose"].pose.position.z == 3.0
    (found,) = messages["ground_truth/objects"].objects
    assert (found.id, found.parent_id, found.category, found.bbox.width) == (4, -1, "red_cube", 2)
    assert (found.distance.max, found.range, found.pixel_count) == (0.75, 0.625, 4)


def test_sample_without_truth_leaves_its_topics_out(tmp_path: Path, sample: Sample) -> None:
    with BagWriter(tmp_path / "bag") as bag:
        write_sample(bag, Sample("0.png", sample.image, sample.camera, stamp_ns=5))
    with AnyReader([tmp_path / "bag"]) as reader:
        assert {t.rpartition("/")[2] for t in reader.topics} == {"camera_info", "objects", "image_raw"}


def test_interrupted_bag_holds_what_was_written(tmp_path: Path, sample: Sample) -> None:
    def interrupt() -> None:
        with BagWriter(tmp_path / "bag") as bag:
            write_sample(bag, sample)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupt()
    with AnyReader([tmp_path / "bag"]) as reader:
        assert reader.message_count == 6


def test_bag_is_not_written_over_something(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file"):
        with pytest.raises(DatasetError, match="new or empty folder"):
            BagWriter(path)
    with pytest.raises(DatasetError, match="mcap, sqlite3; got 'rosbag1'"):
        BagWriter(tmp_path / "bag", "rosbag1")


def test_sample_without_a_stamp_is_refused(tmp_path: Path, sample: Sample) -> None:
    with BagWriter(tmp_path / "bag") as bag, pytest.raises(DatasetError, match="expected a stamp"):
        write_sample(bag, Sample("0.png", sample.image, sample.camera))


def test_every_type_has_a_hash() -> None:
    types = message_types()
    assert all(types.hash_rihs01(name).startswith("RIHS01_") for name in DEFINITIONS)
