"""Images of a bag get the camera_info, pose and truth that the nodes' rules give them; none is dropped."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from bag_files import CAMERA, MS, TYPES, Message, changed, make_sample, only, recording, stamped, without, write_bag

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import ConfigurationError, InputError
from unity_depth_perception.dataset.bag.samples import BagDataset, BagOptions
from unity_depth_perception.dataset.sources import open_source


def edited(messages: list[Message], name: str, edit: Any) -> list[Message]:
    """Messages of which those of one topic are replaced by `edit(number, content)`."""
    number = -1
    found = []
    for message in messages:
        if message.topic.endswith(name):
            number += 1
            message = message._replace(content=edit(number, message.content))
        found.append(message)
    return found


def test_order_of_the_messages_of_a_frame_does_not_matter(tmp_path: Path) -> None:
    messages = recording(4)
    late = {"camera_info": 80, "camera_pose": 90, "depth": 0, "instances": 50, "objects": 99, "image_raw": 20}
    received = [
        m._replace(received_ns=m.received_ns + MS * next(v for k, v in late.items() if m.topic.endswith(k)))
        for m in messages
    ]
    data = BagDataset(write_bag(tmp_path / "bag", sorted(received, key=lambda m: m.received_ns)))
    assert data.counts == {"camera_info by stamp": 4, "poses used": 4}
    for index, sample in enumerate(data):
        assert sample.image[0, 0, 0] == index
        assert sample.depth_m is not None
        assert sample.instances is not None
        assert sample.world_from_camera is not None
        assert sample.world_from_camera[0, 3] == index


def test_depth_in_millimetres_and_in_metres_is_the_same(tmp_path: Path) -> None:
    def in_millimetres(number: int, content: Any) -> Any:
        depth_m = content.data.view(np.float32).reshape(24, 32)
        pixels = (depth_m * 1000).round().astype(np.uint16)
        pixels[0, 0] = 0
        return changed(content, encoding="16UC1", step=64, data=pixels.reshape(-1).view(np.uint8))

    data = BagDataset(write_bag(tmp_path / "bag", edited(recording(1), "ground_truth/depth", in_millimetres)))
    depth_m = data[0].depth_m
    assert depth_m is not None
    assert np.isnan(depth_m[0, 0])
    assert np.unique(depth_m[~np.isnan(depth_m)]).tolist() == [1.0, 2.0]


@pytest.mark.parametrize("form", ["jpeg", "png"])
def test_compressed_images_are_read(tmp_path: Path, form: str) -> None:
    messages = recording(2)
    image = np.zeros((24, 32, 3), np.uint8)
    image[..., 0] = 200  # red
    _, encoded = cv2.imencode(f".{form}", image[..., ::-1])
    kind = TYPES.types["sensor_msgs/msg/CompressedImage"]
    compressed = [
        m._replace(topic=f"{m.topic}/compressed", content=kind(m.content.header, form, encoded.reshape(-1)))
        if m.topic.endswith("image_raw")
        else m
        for m in messages
    ]
    data = BagDataset(write_bag(tmp_path / "bag", compressed))
    assert data.topics.image == "/unity/camera/image_raw/compressed"
    assert data.topics.camera_info == "/unity/camera/camera_info"
    for sample in data:
        assert np.abs(sample.image.astype(int) - image).max() <= 3
        assert sample.depth_m is not None


def test_truth_is_optional_for_each_frame(tmp_path: Path) -> None:
    messages = recording(4)
    depths = only(messages, "ground_truth/depth")
    dropped = {id(depths[1].content), *(id(m.content) for m in only(messages, "ground_truth/objects")[2:])}
    data = BagDataset(write_bag(tmp_path / "bag", [m for m in messages if id(m.content) not in dropped]))
    assert [s.depth_m is not None for s in data] == [True, False, True, True]
    assert [s.instances is not None for s in data] == [True, True, False, False]  # masks without categories
    camera = BagDataset(write_bag(tmp_path / "camera", only(messages, "image_raw", "camera_info")))
    assert all(s.depth_m is None and s.instances is None and s.world_from_camera is None for s in camera)


def test_images_with_stamp_zero_have_no_truth(tmp_path: Path) -> None:
    messages = [m._replace(content=stamped(m.content, 0)) for m in recording(3)]
    data = BagDataset(write_bag(tmp_path / "bag", messages))
    assert data.counts == {"camera_info latest": 3, "poses used": 3, "repeated stamps": 3}
    assert [s.image[0, 0, 0] for s in data] == [0, 1, 2]
    assert all(s.depth_m is None and s.instances is None and s.camera == CAMERA for s in data)


def test_stamps_that_go_back_start_a_new_run(tmp_path: Path) -> None:
    """Unity's clock starts at 0 with every Play: each run's frames get their own truth, pose and camera."""
    wide = Camera.from_vertical_fov(1.5, 32, 24)
    first = recording(3)
    second = [m._replace(received_ns=m.received_ns + 10_000 * MS) for m in recording(3)]
    second = edited(second, "camera_info", lambda _, c: changed(c, k=wide.k.flatten(), p=wide.p.flatten()))
    second = edited(
        second, "ground_truth/depth", lambda _, c: changed(c, data=(c.data.view(np.float32) + 5).view(np.uint8))
    )
    data = BagDataset(write_bag(tmp_path / "bag", first + second))
    assert data.counts["stamps going back"] == 1
    assert data.counts["camera_info by stamp"] == 6
    assert [s.camera.fy for s in data] == [pytest.approx(c.fy) for c in (CAMERA,) * 3 + (wide,) * 3]
    assert [float(s.depth_m[0, 0]) for s in data if s.depth_m is not None] == [2.0] * 3 + [7.0] * 3


def test_images_before_the_first_camera_info_get_that_one(tmp_path: Path) -> None:
    messages = recording(30)
    keys = [id(m.content) for m in only(messages, "camera_info")[:20]]
    data = BagDataset(write_bag(tmp_path / "bag", [m for m in messages if id(m.content) not in keys]))
    assert len(data) == 30
    assert all(s.camera == CAMERA for s in data)


def test_pose_between_two_stamps_is_interpolated_within_the_tolerance(tmp_path: Path) -> None:
    messages = edited(recording(6), "camera_pose", lambda k, c: stamped(c, make_sample(k).stamp_ns + 30 * MS))
    path = write_bag(tmp_path / "bag", messages)
    near = [s.world_from_camera for s in BagDataset(path)]
    assert [None if pose is None else round(float(pose[0, 3]), 6) for pose in near] == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]
    wide = [s.world_from_camera for s in BagDataset(path, BagOptions(pose_tolerance_s=0.08))]
    assert [None if pose is None else round(float(pose[0, 3]), 6) for pose in wide] == [0.0, 0.7, 1.7, 2.7, 3.7, 4.7]
    none = BagDataset(path, BagOptions(pose_tolerance_s=0.0))
    assert none.counts["poses missed"] == 6
    assert all(s.world_from_camera is None for s in none)


def test_messages_that_cannot_be_used_are_counted_and_named(tmp_path: Path) -> None:
    def turned(number: int, content: Any) -> Any:
        zero = TYPES.types["geometry_msgs/msg/Quaternion"](0.0, 0.0, 0.0, 0.0)
        return changed(content, pose=changed(content.pose, orientation=zero)) if number == 1 else content

    messages = edited(recording(3), "camera_pose", turned)
    messages = edited(messages, "camera_info", lambda k, c: changed(c, k=np.zeros(9)) if k == 2 else c)
    data = BagDataset(write_bag(tmp_path / "bag", messages))
    assert (data.counts["poses refused"], data.counts["refused inputs"]) == (1, 1)
    assert "quaternion" in data.problems["/unity/camera/camera_pose"]
    assert "camera_info" in data.problems["/unity/camera/camera_info"]
    assert [s.camera == CAMERA for s in data] == [True] * 3


def test_image_of_other_proportions_than_its_camera_fails_alone(tmp_path: Path) -> None:
    def cropped(number: int, content: Any) -> Any:
        data = content.data.reshape(24, 96)[:12].reshape(-1)
        return changed(content, height=12, data=data) if number == 1 else content

    data = BagDataset(write_bag(tmp_path / "bag", edited(recording(3), "image_raw", cropped)))
    with pytest.raises(InputError, match="proportions"):
        data[1]
    assert data[2].image.shape == (24, 32, 3)


def test_distortion_counts_unless_the_picture_is_rectified(tmp_path: Path) -> None:
    distortion = np.array([-0.2, 0.05, 0.001, 0.002, 0.0])
    path = write_bag(tmp_path / "bag", edited(recording(1), "camera_info", lambda _, c: changed(c, d=distortion)))
    lens = BagDataset(path)[0].lens
    assert lens is not None
    assert lens.distortion[:5] == tuple(distortion)
    assert BagDataset(path, BagOptions(rectified="true"))[0].lens is None
    messages = [
        m._replace(topic=m.topic.replace("image_raw", "image_rect"))
        for m in edited(recording(1), "camera_info", lambda _, c: changed(c, d=distortion))
    ]
    assert BagDataset(write_bag(tmp_path / "rect", messages))[0].lens is None
    with pytest.raises(ConfigurationError, match="expected rectified as auto, true, false"):
        BagOptions(rectified="yes")


def transforms(parent: str, child: str, stamp_ns: int, x: float) -> Any:
    types = TYPES.types
    time = types["builtin_interfaces/msg/Time"](stamp_ns // 10**9, stamp_ns % 10**9)
    transform = types["geometry_msgs/msg/Transform"](
        types["geometry_msgs/msg/Vector3"](x, 0.0, 0.0), types["geometry_msgs/msg/Quaternion"](0.0, 0.0, 0.0, 1.0)
    )
    stamped_transform = types["geometry_msgs/msg/TransformStamped"](
        types["std_msgs/msg/Header"](time, parent), child, transform
    )
    return types["tf2_msgs/msg/TFMessage"]([stamped_transform])


def test_poses_come_from_tf_where_a_world_frame_is_named(tmp_path: Path) -> None:
    messages = without(recording(4), "camera_pose")
    start_ns = messages[0].received_ns
    messages.append(Message("/tf_static", start_ns, transforms("base", "unity_camera_optical", 0, 10.0)))
    for number in range(5):  # between the images
        stamp_ns = start_ns + (number * 100 - 50) * MS
        messages.append(Message("/tf", stamp_ns, transforms("map", "base", stamp_ns, float(number))))
    path = write_bag(tmp_path / "bag", sorted(messages, key=lambda m: m.received_ns))
    assert all(s.world_from_camera is None for s in BagDataset(path))
    poses = [s.world_from_camera for s in BagDataset(path, BagOptions(world_frame="map"))]
    assert [None if pose is None else float(pose[0, 3]) for pose in poses] == pytest.approx([10.5, 11.5, 12.5, 13.5])
    unknown = BagDataset(path, BagOptions(world_frame="odom"))
    assert unknown.counts["poses missed"] == 4


def test_bag_is_a_source_of_samples_like_any_dataset(tmp_path: Path) -> None:
    data = open_source(write_bag(tmp_path / "bag", recording(2)))
    assert isinstance(data, BagDataset)
    assert data.size(1) == (32, 24)
    assert data.fingerprint(0) != data.fingerprint(1)
    assert data.fingerprint(0) == open_source(tmp_path / "bag").fingerprint(0)
    data.close()
