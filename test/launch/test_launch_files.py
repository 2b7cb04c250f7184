"""The launch files, run by the real launch packages where they are installed."""

from __future__ import annotations

import itertools
import os
import signal
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("launch_ros", reason="needs launch and launch_ros (an installed ROS 2)")

from endpoint import free_port
from launch.actions import DeclareLaunchArgument
from launch.launch_description_sources import get_launch_description_from_python_launch_file
from launched import LAUNCH, Launched

pytestmark = pytest.mark.slow

FILES = ["demo.launch.py", "perception.launch.py", "replay.launch.py", "unity.launch.py"]
OF_PERCEPTION = {"camera", "namespace", "params_file", "depth_model", "device", "rviz", "dds_profile"}
PROFILE = LAUNCH.parent / "config" / "fastdds_profile.xml"
SMALL_SCENE = ("width:=64", "height:=64", "rate_hz:=10.0")
LISTENING = r"listening to (\S+)/image_raw"

_domains = itertools.count(os.getpid())

Launch = Callable[..., Launched]


@pytest.fixture
def launch(tmp_path: Path) -> Iterator[Launch]:
    started: list[Launched] = []

    def run(name: str, *arguments: str, **options: Any) -> Launched:
        started.append(Launched(name, *arguments, folder=tmp_path, domain_id=next(_domains) % 100 + 1, **options))
        return started[-1]

    yield run
    for launched in started:
        launched.end()


def profiles(launched: Launched, processes: int) -> list[str]:
    """The Fast DDS profile in the environment of each process."""
    pids = launched.wait_for(r"process started with pid \[(\d+)\]", processes)
    environments = [Path(f"/proc/{pid}/environ").read_bytes().decode().split("\0") for pid in pids]
    return [line.partition("=")[2] for lines in environments for line in lines if line.startswith("FASTRTPS_")]


def test_every_launch_file_is_tested() -> None:
    assert sorted(path.name for path in LAUNCH.glob("*.py")) == FILES


@pytest.mark.parametrize("name", FILES)
def test_every_launch_argument_has_a_description(name: str) -> None:
    arguments = get_launch_description_from_python_launch_file(str(LAUNCH / name)).get_launch_arguments()
    assert {argument.name for argument in arguments} >= OF_PERCEPTION
    for argument in arguments:
        assert isinstance(argument, DeclareLaunchArgument)
        assert argument.description != "no description given", argument.name


def test_demo_starts_and_ends_both_nodes(launch: Launch) -> None:
    demo = launch("demo.launch.py", *SMALL_SCENE)
    assert demo.wait_for(LISTENING) == ["/unity/camera"]
    text = demo.interrupt()
    assert "Traceback" not in text, text
    assert text.count("process has finished cleanly") == 2, text


def test_demo_shows_a_tour(launch: Launch) -> None:
    demo = launch("demo.launch.py", *SMALL_SCENE, "source:=tour", "motion:=stop-and-go", "moving_objects:=true")
    assert demo.wait_for(LISTENING) == ["/unity/camera"]
    text = demo.interrupt()
    assert "Traceback" not in text, text
    assert text.count("process has finished cleanly") == 2, text


def test_params_file_applies_where_no_argument_is_given(launch: Launch, tmp_path: Path) -> None:
    parameters = tmp_path / "mine.yaml"
    parameters.write_text("/**:\n  ros__parameters:\n    depth_model: floor-plane\n    segmentation_model: compact\n")
    launched = launch("perception.launch.py", f"params_file:={parameters}")
    assert launched.wait_for(r"depth model (\S+), segmentation model (\S+), device cpu") == [("floor-plane", "compact")]


def test_argument_overrides_the_params_file(launch: Launch) -> None:
    launched = launch("perception.launch.py", "depth_model:=floor-plane", "vertical_fov_deg:=60.0", "device:=cpu")
    assert launched.wait_for(r"depth model (\S+), segmentation model (\S+), device cpu") == [("floor-plane", "compact")]


def test_each_camera_has_a_node_of_its_own(launch: Launch) -> None:
    launched = launch(
        "perception.launch.py", "camera:=/unity/left,/unity/right", "namespace:=/robot", "depth_model:=compact"
    )
    assert sorted(launched.wait_for(LISTENING, 2)) == ["/unity/left", "/unity/right"]
    names = sorted(launched.wait_for(r"\[(robot\.\S+)\]: listening", 2))
    assert names == ["robot.left.perception_node", "robot.right.perception_node"]


@pytest.mark.parametrize("name", ["ours", "unity"])
def test_endpoint_listens_on_localhost_only(launch: Launch, name: str) -> None:
    if name == "unity":  # a module of it: a checkout beside the tests is importable as a namespace package
        pytest.importorskip("ros_tcp_endpoint.server", reason="needs Unity's ros_tcp_endpoint on PYTHONPATH")
    port = free_port()
    arguments = ("depth_model:=compact", f"endpoint:={name}", f"ros_tcp_port:={port}", f"dds_profile:={PROFILE}")
    launched = launch("unity.launch.py", *arguments)
    assert launched.wait_for(r"(?:Starting server|listening) on (127\S+)") == [f"127.0.0.1:{port}"]
    launched.wait_for(LISTENING)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as unity:
        assert b"__handshake" in unity.recv(1000)
    assert [Path(profile).name for profile in profiles(launched, 2)] == ["fastdds_profile.xml"] * 2
    text = launched.interrupt()
    assert text.count("process has finished cleanly") == 2, text


def test_bag_starts_when_all_nodes_have_subscribed(launch: Launch, tmp_path: Path) -> None:
    """With a script in place of `ros2`, which needs an installed ROS 2."""
    ros2 = tmp_path / "ros2"
    ros2.write_text('#!/bin/sh\necho "played: $*"\n')
    ros2.chmod(0o755)
    arguments = ("bag:=somewhere", "rate:=0.5", "loop:=true", "camera:=/a,/b", "depth_model:=compact")
    launched = launch("replay.launch.py", *arguments, path=str(tmp_path))
    (played,) = launched.wait_for(r"played: (.*)")
    assert played.startswith("bag play somewhere --rate 0.5 --clock 100.0 --loop --topics /a/image_raw ")
    assert "/b/camera_info" in played
    assert "objects" not in played  # recorded results are not played over new ones
    before = launched.text.partition("played:")[0]
    assert before.count("listening to") == 2, before


def test_replay_ends_when_the_bag_ends(launch: Launch, tmp_path: Path) -> None:
    ros2 = tmp_path / "ros2"
    ros2.write_text("#!/bin/sh\nsleep 1\n")
    ros2.chmod(0o755)
    launched = launch("replay.launch.py", "bag:=somewhere", "depth_model:=compact", path=str(tmp_path))
    assert "Traceback" not in launched.wait_for_end()


@pytest.mark.parametrize(
    ("name", "argument", "text"),
    [
        ("perception.launch.py", "camera:=/a,/a", "expected each camera once"),
        ("perception.launch.py", "camera:=/a,", "without a slash at the end, got ''"),
        ("perception.launch.py", "camera:=/a/", "without a slash at the end, got '/a/'"),
        ("perception.launch.py", "camera:=/a/cam,/b/cam", "different last names"),
        ("perception.launch.py", "namespace:=/x/", "namespace: expected a name"),
        ("perception.launch.py", "vertical_fov_deg:=wide", "vertical_fov_deg: expected a number, got 'wide'"),
        ("perception.launch.py", "rviz:=perhaps", "rviz: expected true or false"),
        ("perception.launch.py", "view:=rviz", "view: expected none or foxglove, got 'rviz'"),
        ("demo.launch.py", "rate_hz:=fast", "rate_hz: expected a number, got 'fast'"),
        ("unity.launch.py", "ros_tcp_port:=x", "ros_tcp_port: expected a whole number"),
        ("unity.launch.py", "endpoint:=other", "endpoint: expected one of ours, unity"),
        ("replay.launch.py", "rate:=x", "rate: expected a number"),
    ],
)
def test_wrong_argument_is_told_before_a_process_starts(launch: Launch, name: str, argument: str, text: str) -> None:
    bag = ["bag:=somewhere"] if name.startswith("replay") else []
    output = launch(name, "depth_model:=compact", *bag, argument).wait_for_end()
    assert text in output
    assert "process started" not in output


def test_live_view_of_every_camera_has_ports_of_its_own(launch: Launch) -> None:
    pytest.importorskip("foxglove", reason="needs the extra [view]")
    launched = launch("perception.launch.py", "depth_model:=compact", "camera:=/a,/b", "view:=foxglove")
    pages = launched.wait_for(r"live view: open http://127.0.0.1:(\d+)", 2)
    assert sorted(pages) == ["8766", "8768"]


def test_absent_rviz_is_a_warning(launch: Launch) -> None:
    launched = launch("perception.launch.py", "depth_model:=compact", "rviz:=true")
    launched.wait_for(r"WARNING rviz:=true: rviz2 is not installed")
    launched.wait_for(LISTENING)


def test_demo_has_a_virtual_camera_for_each_camera(launch: Launch) -> None:
    launched = launch("demo.launch.py", "camera:=/unity/left,/unity/right", *SMALL_SCENE)
    assert sorted(launched.wait_for(LISTENING, 2)) == ["/unity/left", "/unity/right"]
    assert len(set(launched.wait_for(r"(virtual_unity_node-\d)\]: process started", 2))) == 2


def test_users_own_dds_profile_goes_first(launch: Launch, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    own = tmp_path / "own.xml"
    own.write_text(PROFILE.read_text())
    monkeypatch.setenv("FASTRTPS_DEFAULT_PROFILES_FILE", str(own))
    launched = launch("perception.launch.py", "depth_model:=compact")
    assert profiles(launched, 1) == [str(own)]


def test_node_that_crashes_comes_back_once(launch: Launch) -> None:
    launched = launch("perception.launch.py", "depth_model:=compact", "vertical_fov_deg:=60.0")
    for started in (1, 2):
        pid = int(launched.wait_for(r"process started with pid \[(\d+)\]", started)[-1])
        launched.wait_for(LISTENING, started)
        os.kill(pid, signal.SIGBUS)
    launched.wait_for_end()
    assert launched.text.count("process started") == 2
