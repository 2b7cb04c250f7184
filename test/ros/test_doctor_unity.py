"""`unity-depth doctor --unity`: what it says of clients that send right and wrong things over TCP."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")

from endpoint import free_port
from rclpy.serialization import serialize_message
from stand_ins import camera_info, image
from unity_client import UnityClient

from unity_depth_perception.cli.doctor import command
from unity_depth_perception.cli.doctor.finding import NOTE, OK, PROBLEM, Finding

IMAGE, INFO = "/unity/camera/image_raw", "/unity/camera/camera_info"
Change = Callable[[Any, Any, int], object]


def unchanged(_image: Any, _info: Any, _index: int) -> None: ...


@contextlib.contextmanager
def camera(port: int, change: Change = unchanged, prefix: bytes = b"") -> Iterator[None]:
    """A client with a camera of 20 Hz; `change(image, camera_info, index)` spoils its messages."""
    client, ended = UnityClient(port), threading.Event()

    def send() -> None:
        client.register_publisher(IMAGE, "sensor_msgs/Image")
        client.register_publisher(INFO, "sensor_msgs/CameraInfo")
        for index in range(10**6):
            stamp_ns = time.time_ns()
            picture, info = image(stamp_ns), camera_info(stamp_ns)
            change(picture, info, index)
            for topic, message in ((INFO, info), (IMAGE, picture)):
                client.publish(topic, prefix or serialize_message(message))
            if ended.wait(0.05):
                return

    thread = threading.Thread(target=send)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
        client.close()


@pytest.fixture(autouse=True)
def _equal_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_detection_score", lambda _: 1.0)


def findings(change: Change = unchanged, prefix: bytes = b"") -> list[Finding]:
    port = free_port()
    with camera(port, change, prefix):
        return command.check_unity("127.0.0.1", port, 0.8, wait_s=10)


def test_sound_camera_is_reported_with_rate_latency_size_and_field_of_view() -> None:
    found = findings()
    assert {finding.state for finding in found} == {OK}, found
    text = "\n".join(f"{finding.subject} {finding.detail}" for finding in found)
    for said in ("sensor_msgs/Image, rgb8, ", " Hz", "ms behind its stamp", "64 x 48", "degrees vertically"):
        assert said in text


def frame_id(picture: Any, _info: Any, _index: int) -> None:
    picture.header.frame_id = "Main Camera"


def other_stamp(_picture: Any, info: Any, _index: int) -> None:
    info.header.stamp.nanosec ^= 1


def no_stamp(picture: Any, info: Any, _index: int) -> None:
    for message in (picture, info):
        message.header.stamp.sec = message.header.stamp.nanosec = 0


def game_clock(picture: Any, info: Any, index: int) -> None:
    for message in (picture, info):
        message.header.stamp.sec, message.header.stamp.nanosec = 0, (1 + index) * 1000


def future(picture: Any, info: Any, _index: int) -> None:
    for message in (picture, info):
        message.header.stamp.sec += 3


def late(picture: Any, info: Any, _index: int) -> None:
    for message in (picture, info):
        message.header.stamp.sec -= 3


def repeated(picture: Any, info: Any, index: int) -> None:
    for message in (picture, info):
        message.header.stamp.sec, message.header.stamp.nanosec = 100, index // 2


def square(_picture: Any, info: Any, _index: int) -> None:
    info.width = info.height = 48


def stretched(_picture: Any, info: Any, _index: int) -> None:
    info.k[0] *= 1.2
    info.p[0] *= 1.2


def off_centre(_picture: Any, info: Any, _index: int) -> None:
    info.k[2] += 10
    info.p[2] += 10


def metres(_picture: Any, info: Any, _index: int) -> None:
    info.k[0] = info.k[4] = info.p[0] = info.p[5] = 0.05


def bayer(picture: Any, _info: Any, _index: int) -> None:
    picture.encoding = "rgb"


@pytest.mark.parametrize(
    ("change", "state", "said"),
    [
        (frame_id, PROBLEM, "but that of the image is 'Main Camera'"),
        (other_stamp, PROBLEM, "have no camera_info of their own stamp"),
        (no_stamp, PROBLEM, "all stamps are 0"),
        (game_clock, NOTE, "use_sim_time:=true"),
        (future, PROBLEM, "in the future: set the clocks"),
        (late, NOTE, "late: lower the rate"),
        (repeated, NOTE, "the same frame twice"),
        (square, PROBLEM, "set the resolution in one place"),
        (stretched, NOTE, "fx and fy differ"),
        (off_centre, NOTE, "10.0 px off the picture's centre"),
        (metres, PROBLEM, "expected a field of view"),
        (bayer, PROBLEM, "encoding"),
    ],
)
def test_fault_of_a_camera_is_named(change: Change, state: str, said: str) -> None:
    found = findings(change)
    assert any(finding.state == state and said in finding.detail for finding in found), found


def test_picture_that_is_upside_down_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_detection_score", lambda pixels: float(pixels[0].mean() < pixels[-1].mean()))

    def change(picture: Any, _info: Any, _index: int) -> None:
        picture.data = bytes([200]) * (64 * 3) + bytes([90]) * (64 * 47 * 3)

    assert any(finding.state == NOTE and "upside down" in finding.detail for finding in findings(change))


def test_client_that_speaks_ros_1_is_named_by_its_bytes() -> None:
    found = findings(prefix=bytes(100))
    assert sum("expected a message as little-endian CDR" in finding.detail for finding in found) == 2


def test_client_without_topics_is_told_what_to_add() -> None:
    port = free_port()
    client = UnityClient(port)
    try:
        found = command.check_unity("127.0.0.1", port, 0.5, wait_s=10)
    finally:
        client.close()
    assert any(finding.state == PROBLEM and "publishes nothing" in finding.detail for finding in found)


def test_nobody_comes() -> None:
    [finding] = command.check_unity("127.0.0.1", free_port(), 0.5, wait_s=0.3)
    assert finding.state == PROBLEM
    assert "press Play" in finding.detail
    assert "--ip 0.0.0.0" in finding.detail


def test_port_in_use_points_to_the_running_endpoint() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        [finding] = command.check_unity("127.0.0.1", taken.getsockname()[1], 0.5)
    assert finding.state == PROBLEM
    assert "doctor --graph" in finding.detail
