"""Topics of a bag are guessed from types, encodings and names; names that are given win."""

from __future__ import annotations

from pathlib import Path

import pytest
from bag_files import TYPES, Message, changed, make_sample, messages_of, only, recording, without, write_bag

from unity_depth_perception.core.errors import DatasetError
from unity_depth_perception.dataset.bag.samples import BagDataset, BagOptions
from unity_depth_perception.dataset.bag.topics import TopicNames

UNITY = TopicNames(
    image="/unity/camera/image_raw",
    camera_info="/unity/camera/camera_info",
    depth="/unity/camera/ground_truth/depth",
    instances="/unity/camera/ground_truth/instances",
    objects="/unity/camera/ground_truth/objects",
    pose="/unity/camera/camera_pose",
)


def moved(messages: list[Message], names: dict[str, str]) -> list[Message]:
    """Messages with the ends of their topics replaced by whole names."""
    return [next((m._replace(topic=name) for end, name in names.items() if m.topic.endswith(end)), m) for m in messages]


def test_topics_of_virtual_unity_are_found(tmp_path: Path) -> None:
    assert BagDataset(write_bag(tmp_path / "bag", recording())).topics == UNITY


def test_results_of_the_node_are_not_taken_for_truth(tmp_path: Path) -> None:
    results = moved(
        recording(),
        {
            "ground_truth/depth": "/unity/perception/depth/image_rect",
            "ground_truth/instances": "/unity/perception/objects/instances",
            "ground_truth/objects": "/unity/perception/objects/distances",
            "image_raw": "/unity/perception/debug/overlay",
            "camera_info": "/unity/perception/depth/camera_info",
            "camera_pose": "/robot/pose",
        },
    )
    assert BagDataset(write_bag(tmp_path / "both", recording() + results)).topics == UNITY
    camera = only(recording(), "image_raw", "camera_info", "camera_pose")
    found = BagDataset(write_bag(tmp_path / "camera", camera + results)).topics
    assert (found.image, found.camera_info) == (UNITY.image, UNITY.camera_info)
    assert (found.depth, found.instances, found.objects) == ("", "", "")


def test_names_that_are_given_win(tmp_path: Path) -> None:
    names = {"ground_truth/depth": "/sensor/far", "camera_info": "/lens", "camera_pose": "/tracker"}
    path = write_bag(tmp_path / "bag", moved(recording(), names) + only(recording(), "ground_truth/depth"))
    given = TopicNames(depth="/sensor/far", camera_info="/lens", pose="/tracker")
    topics = BagDataset(path, BagOptions(given)).topics
    assert (topics.depth, topics.camera_info, topics.pose) == ("/sensor/far", "/lens", "/tracker")
    assert BagDataset(path).topics.depth == UNITY.depth


def test_two_cameras_are_named_and_either_can_be_chosen(tmp_path: Path) -> None:
    left, right = (messages_of([make_sample(1)], side) for side in ("/left", "/right"))
    path = write_bag(tmp_path / "bag", left + right)
    with pytest.raises(DatasetError, match="got 2: /left/image_raw, /right/image_raw; choose one by --image-topic"):
        BagDataset(path)
    for side in ("/left", "/right"):
        topics = BagDataset(path, BagOptions(TopicNames(image=f"{side}/image_raw"))).topics
        assert {name.rpartition("/")[0].split("/")[1] for name in topics.known} == {side[1:]}
        assert len(topics.known) == 6


def test_raw_image_is_taken_rather_than_the_rectified_or_compressed_one(tmp_path: Path) -> None:
    messages = recording(1)
    for end in ("image_rect", "image_raw/compressed"):
        (image,) = only(recording(1), "image_raw")
        content = image.content
        if end.endswith("compressed"):
            content = TYPES.types["sensor_msgs/msg/CompressedImage"](content.header, "jpeg", content.data)
        messages.append(Message(f"/unity/camera/{end}", image.received_ns, content))
    assert BagDataset(write_bag(tmp_path / "bag", messages)).topics.image == UNITY.image


def test_missing_topic_is_named_with_those_of_its_type(tmp_path: Path) -> None:
    path = write_bag(tmp_path / "bag", recording())
    for role in ("image", "camera_info", "depth", "instances", "objects", "pose"):
        option = f"--{role.replace('_', '-')}-topic"
        with pytest.raises(DatasetError, match=f"{option} /none: expected .*got no message on that topic") as caught:
            BagDataset(path, BagOptions(TopicNames(**{role: "/none"})))
        assert getattr(UNITY, role) in str(caught.value)
    with pytest.raises(DatasetError, match="got a message of type sensor_msgs/msg/CameraInfo"):
        BagDataset(path, BagOptions(TopicNames(image=UNITY.camera_info)))


def test_bag_without_images_names_what_it_holds(tmp_path: Path) -> None:
    path = write_bag(tmp_path / "bag", only(recording(), "camera_info", "ground_truth/depth"))
    with pytest.raises(DatasetError, match=r"expected a topic with colour images, got .*CameraInfo.*--image-topic"):
        BagDataset(path)


def test_images_without_camera_info_need_a_camera(tmp_path: Path) -> None:
    path = write_bag(tmp_path / "bag", without(recording(), "camera_info"))
    with pytest.raises(DatasetError, match="--intrinsics FILE or --vertical-fov DEG"):
        BagDataset(path)
    camera = BagDataset(path, BagOptions(vertical_fov_deg=60.0))[0].camera
    assert camera.fy == pytest.approx(12 / 0.5773502692)


def test_topics_of_other_types_are_ignored_even_if_unreadable(tmp_path: Path) -> None:
    """Types that the bag does not define and this package does not know are no obstacle."""
    path = write_bag(tmp_path / "bag", recording())
    (file,) = path.glob("*.mcap")
    content = file.read_bytes()
    assert b"unity_depth_perception/msg/ObjectDistanceArray" in content
    file.write_bytes(content.replace(b"unity_depth_perception/msg/ObjectDistanceArray", b"x" * 46))
    (path / "metadata.yaml").unlink()
    data = BagDataset(path)
    assert data.topics.objects == ""
    assert data[0].instances is None  # masks without categories


def test_truth_of_two_equal_candidates_is_not_guessed(tmp_path: Path) -> None:
    messages = recording(1)
    (depth,) = only(messages, "ground_truth/depth")
    path = write_bag(tmp_path / "bag", [*messages, depth._replace(topic="/unity/camera/ground_truth/depth_late")])
    assert BagDataset(path).topics.depth == ""


def test_depth_in_millimetres_is_no_mask(tmp_path: Path) -> None:
    messages = recording(1)
    k = next(k for k, m in enumerate(messages) if m.topic.endswith("ground_truth/depth"))
    (masks,) = only(messages, "ground_truth/instances")
    messages[k] = messages[k]._replace(content=changed(masks.content, data=masks.content.data))
    topics = BagDataset(write_bag(tmp_path / "bag", messages)).topics
    assert (topics.depth, topics.instances) == (UNITY.depth, UNITY.instances)
