"""The launch files, run by the real launch packages where they are installed."""

from __future__ import annotations

import itertools
import os
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


def test_endpoint_listens_on_localhost_only(launch: Launch) -> None:
    # A module of it: a checkout of the repository beside the tests is importable as a namespace package.
    pytest.importorskip("ros_tcp_endpoint.server", reason="needs ros_tcp_endpoint")
    port = free_port()
    launched = launch("unity.launch.py", "depth_model:=compact", f"ros_tcp_port:={port}", f"dds_profile:={PROFILE}")
    if "needs" in launched.wait_for(r"(needs) ros_tcp_endpoint|Starting server on")[0]:
        pytest.skip("needs ros_tcp_endpoint where the installed nodes look for it, on PYTHONPATH")
    assert launched.wait_for(r"Starting server on (\S+)") == [f"127.0.0.1:{port}"]
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
    assert launched.wait_for(r"played: (.*)") == ["bag play somewhere --rate 0.5 --clock 100.0 --loop"]
    before = launched.text.partition("played:")[0]
    assert before.count("listening to") == 2, before
