"""Proof of life of the launch files, by the real launch packages where they are installed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("launch_ros", reason="needs launch and launch_ros (an installed ROS 2)")

from launch.actions import DeclareLaunchArgument
from launch.launch_description_sources import get_launch_description_from_python_launch_file

LAUNCH = Path(__file__).parents[2] / "launch"
DEADLINE_S = 180.0

_RUN = """
import sys
from launch import LaunchDescription, LaunchService
from launch.actions import IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource

arguments = [argument.split(":=") for argument in sys.argv[2:]]
service = LaunchService()
source = PythonLaunchDescriptionSource(sys.argv[1])
service.include_launch_description(
    LaunchDescription([IncludeLaunchDescription(source, launch_arguments=arguments)])
)
sys.exit(service.run())
"""


@pytest.mark.parametrize("name", ["perception.launch.py", "demo.launch.py"])
def test_every_argument_is_described(name: str) -> None:
    arguments = get_launch_description_from_python_launch_file(str(LAUNCH / name)).get_launch_arguments()
    assert {"camera", "namespace", "depth_model", "device"} <= {argument.name for argument in arguments}
    for argument in arguments:
        assert isinstance(argument, DeclareLaunchArgument)
        assert argument.description != "no description given", argument.name


def test_the_demo_starts_both_nodes_and_ends_them(tmp_path: Path) -> None:
    log = tmp_path / "launch.log"
    arguments = ["width:=64", "height:=64", "rate_hz:=10.0"]
    domain_id = os.getpid() % 100 + 1
    environment = os.environ | {"ROS_DOMAIN_ID": str(domain_id), "ROS_LOG_DIR": str(tmp_path)}
    command = [sys.executable, "-c", _RUN, str(LAUNCH / "demo.launch.py"), *arguments]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=out, env=environment, start_new_session=True)
    try:
        wait_for("listening to /unity/camera/image_raw", log, process)
        os.killpg(process.pid, signal.SIGINT)
        process.wait(timeout=30)
    finally:
        kill_group(process)
    text = log.read_text()
    assert "Traceback" not in text, text
    assert text.count("process has finished cleanly") == 2, text


def wait_for(text: str, log: Path, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + DEADLINE_S
    while text not in log.read_text():
        if process.poll() is not None or time.monotonic() > end:
            pytest.fail(f"waited in vain for {text!r}:\n{log.read_text()}")
        time.sleep(0.1)


def kill_group(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()
