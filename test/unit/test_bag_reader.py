"""Bags in every form give the same samples; damaged ones are named in one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from bag_files import (
    MS,
    Message,
    changed,
    make_sample,
    recording,
    write_bag,
    write_unindexed_mcap,
)
from rosbags.rosbag2 import CompressionMode, StoragePlugin

from unity_depth_perception.core.errors import DatasetError
from unity_depth_perception.dataset.bag.reader import is_bag
from unity_depth_perception.dataset.bag.samples import BagDataset

MCAP, SQLITE = StoragePlugin.MCAP, StoragePlugin.SQLITE3
FORMS = [
    (MCAP, CompressionMode.NONE),
    (MCAP, CompressionMode.FILE),
    (MCAP, CompressionMode.MESSAGE),
    (MCAP, CompressionMode.STORAGE),
    (SQLITE, CompressionMode.NONE),
    (SQLITE, CompressionMode.FILE),
    (SQLITE, CompressionMode.MESSAGE),
]


def expect_recording(data: BagDataset, count: int = 3) -> None:
    """The samples of `make_sample`, in order and complete."""
    assert data.names == tuple(f"{index:05d}.png" for index in range(count))
    assert data.categories == ("red_cube",)
    assert data.problems == {}
    for index, sample in enumerate(data):
        true = make_sample(index)
        assert np.array_equal(sample.image, true.image)
        assert np.array_equal(sample.depth_m, true.depth_m)
        assert np.array_equal(sample.instances, true.instances)
        assert np.allclose(sample.world_from_camera, true.world_from_camera)
        assert (sample.stamp_ns, sample.frame_id) == (true.stamp_ns, "unity_camera_optical")
        assert sample.camera == true.camera
        assert [(item.category, item.distance.median) for item in sample.objects] == [("red_cube", 1.0)]


@pytest.mark.parametrize(("storage", "compression"), FORMS, ids=lambda value: value.name)
def test_bag_of_each_storage_and_compression_gives_every_frame(
    tmp_path: Path, storage: StoragePlugin, compression: CompressionMode
) -> None:
    path = write_bag(tmp_path / "bag", recording(), storage, compression)
    assert is_bag(path)
    expect_recording(BagDataset(path))


@pytest.mark.parametrize("storage", [MCAP, SQLITE], ids=lambda value: value.name)
def test_storage_file_alone_and_folder_without_metadata_are_bags(tmp_path: Path, storage: StoragePlugin) -> None:
    folder = write_bag(tmp_path / "bag", recording(), storage)
    (file,) = (path for path in folder.iterdir() if path.name != "metadata.yaml")
    expect_recording(BagDataset(file))
    (folder / "metadata.yaml").unlink()
    assert is_bag(folder)
    expect_recording(BagDataset(folder))


def test_split_files_are_read_one_after_the_other(tmp_path: Path) -> None:
    messages = recording(5)
    for number, part in enumerate((messages[:10], messages[10:])):
        (file,) = write_bag(tmp_path / f"part{number}", part).glob("*.mcap")
        (tmp_path / "bag").mkdir(exist_ok=True)
        file.rename(tmp_path / "bag" / f"bag_{number}.mcap")
    expect_recording(BagDataset(tmp_path / "bag"), 5)


def test_unindexed_mcap_is_read(tmp_path: Path) -> None:
    data = BagDataset(write_unindexed_mcap(tmp_path / "stream.mcap", recording(4)))
    expect_recording(data, 4)
    assert data[0].image[0, 0, 0] == 0  # back to the start


def test_frames_are_read_in_any_order(tmp_path: Path) -> None:
    data = BagDataset(write_bag(tmp_path / "bag", recording(40)))
    for index in (39, 0, 20, 20, 19, 21, 5, 38):
        sample = data[index]
        assert (sample.image[0, 0, 0], sample.stamp_ns) == (index, make_sample(index).stamp_ns)
        assert sample.instances is not None


def test_truth_that_was_received_long_after_its_image_is_found(tmp_path: Path) -> None:
    messages = [
        Message(m.topic, m.received_ns + (60_000 * MS if "ground_truth" in m.topic else 0), m.content)
        for m in recording(30)
    ]
    data = BagDataset(write_bag(tmp_path / "bag", messages))
    expect_recording(data, 30)
    assert len(data._cursor._held) == 0


def test_reading_holds_no_message_that_no_later_frame_needs(tmp_path: Path) -> None:
    data = BagDataset(write_bag(tmp_path / "bag", recording(50)))
    most = 0
    for index in range(50):
        data[index]
        most = max(most, len(data._cursor._held))
    assert most <= 4


def test_messages_of_one_time_are_told_apart(tmp_path: Path) -> None:
    data = BagDataset(write_bag(tmp_path / "bag", [Message(m.topic, 7, m.content) for m in recording(6)]))
    expect_recording(data, 6)
    assert data[2].image[0, 0, 0] == 2


@pytest.mark.parametrize("storage", [MCAP, SQLITE], ids=lambda value: value.name)
@pytest.mark.parametrize("share", [0.0, 0.3, 0.7, 0.98])
def test_truncated_bag_is_named(tmp_path: Path, storage: StoragePlugin, share: float) -> None:
    folder = write_bag(tmp_path / "bag", recording(8), storage)
    (file,) = (path for path in folder.iterdir() if path.name != "metadata.yaml")
    file.write_bytes(file.read_bytes()[: int(share * file.stat().st_size)])
    with pytest.raises(DatasetError, match=rf"{folder}: cannot read the bag: .*may have been interrupted"):
        list(BagDataset(folder))


def test_damaged_chunk_is_named(tmp_path: Path) -> None:
    folder = write_bag(tmp_path / "bag", recording(8), MCAP, CompressionMode.STORAGE)
    (file,) = folder.glob("*.mcap")
    content = bytearray(file.read_bytes())
    middle = content.index(b"\x28\xb5\x2f\xfd") + 40  # inside the first zstd frame
    content[middle : middle + 64] = b"\xff" * 64
    file.write_bytes(content)
    with pytest.raises(DatasetError, match="cannot read the bag"):
        list(BagDataset(folder))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("bag.mcap", b"", "seems to be empty"),
        ("bag.mcap", b"not an mcap" * 9, "magic is invalid"),
        ("bag.db3", b"not a database" * 99, "cannot read the bag"),
        ("bag.bag", b"#ROSBAG V2.0", "a bag of ROS 1; convert it"),
    ],
)
def test_file_that_is_no_bag_is_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DatasetError, match=message):
        BagDataset(tmp_path / name)


def test_missing_bag_and_empty_folder_are_named(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="there is nothing"):
        BagDataset(tmp_path / "no.mcap")
    with pytest.raises(DatasetError, match=r"metadata.yaml or files \*.mcap"):
        BagDataset(tmp_path)
    assert not is_bag(tmp_path)


@pytest.mark.parametrize("storage", [MCAP, SQLITE], ids=lambda value: value.name)
def test_topics_whose_qos_differs_in_metadata_and_file_are_read(tmp_path: Path, storage: StoragePlugin) -> None:
    """As in bags that were converted from an older version."""
    folder = write_bag(tmp_path / "bag", recording(), storage)
    metadata = (folder / "metadata.yaml").read_text()
    zero = "{sec: 0, nsec: 0}"
    profile = (
        "{history: keep_last, depth: 5, reliability: reliable, durability: volatile, "
        f"deadline: {zero}, lifespan: {zero}, liveliness: automatic, liveliness_lease_duration: {zero}, "
        "avoid_ros_namespace_conventions: false}"
    )
    assert "offered_qos_profiles: []" in metadata
    (folder / "metadata.yaml").write_text(
        metadata.replace("offered_qos_profiles: []", f"offered_qos_profiles: [{profile}]")
    )
    expect_recording(BagDataset(folder))


def test_damaged_metadata_is_named(tmp_path: Path) -> None:
    folder = write_bag(tmp_path / "bag", recording())
    (folder / "metadata.yaml").write_text("rosbag2_bagfile_information: {version: 9")
    with pytest.raises(DatasetError, match="cannot read the bag: Could not load YAML"):
        BagDataset(folder)


def test_image_with_missing_bytes_fails_alone(tmp_path: Path) -> None:
    messages = recording(3)
    number = next(k for k, m in enumerate(messages) if m.topic.endswith("image_raw"))
    broken = messages[number].content
    messages[number] = messages[number]._replace(content=changed(broken, data=broken.data[:-1]))
    data = BagDataset(write_bag(tmp_path / "bag", messages))
    with pytest.raises(ValueError, match="expected 2304 bytes"):
        data[0]
    assert data[1].image[0, 0, 0] == 1
