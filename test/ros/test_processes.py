"""Nodes and the demo as processes: they communicate over DDS and exit cleanly on signals."""

from __future__ import annotations

import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")

from conftest import Graph, ProcessLog
from endpoint import free_port
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CameraInfo, Image
from stand_ins import camera_info, image
from unity_client import UnityClient
from unity_depth_perception.msg import ObjectDistanceArray
from visualization_msgs.msg import Marker, MarkerArray

from unity_depth_perception.dataset.messages.headers import stamp_ns_of
from unity_depth_perception.demo import processes
from unity_depth_perception.ros.topics.qos import OUTPUT_QOS

pytestmark = pytest.mark.slow

START_S = 300.0  # importing torch takes seconds of computing, and on a busy machine minutes
COMPUTE_S = 300.0  # how long a frame takes that must not hold up the end of a process
EXIT_S = 60.0  # idle, it is under two seconds

# perception_node as it is, but for its models: no weights are needed, and each frame can be made to take its time.
_PERCEPTION = """
import sys, time
from stand_ins import stand_in_pipeline
from unity_depth_perception.nodes.perception_node import PerceptionNode
from unity_depth_perception.ros.runtime.lifecycle_node import run_node

class Slow:
    def acquire(self, timeout):
        time.sleep({seconds})
        return True

run_node(lambda: PerceptionNode(lambda _: stand_in_pipeline(Slow())), sys.argv)
"""

# A callback in the middle of which the context is shut down, or a signal comes.
_OVERTAKEN = """
import os, signal, sys, rclpy
from std_msgs.msg import Empty
from unity_depth_perception.ros.parameters.virtual_unity_table import VirtualUnityConfig
from unity_depth_perception.ros.runtime.lifecycle_node import ConfiguredNode, run_node

class Overtaken(ConfiguredNode):
    def __init__(self):
        super().__init__("overtaken", VirtualUnityConfig)
        self.publisher = self.create_publisher(Empty, "empty", 1)
        self.create_timer(0.01, self.publish)

    def publish(self):
        {happens}
        self.publisher.publish(Empty())

run_node(Overtaken, sys.argv)
"""

Start = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def start(tmp_path: Path, domain_id: int, request: pytest.FixtureRequest) -> Iterator[Start]:
    """Start Python processes in the test's domain; they are killed at the end of the test.

    They import what this test can import. A test that waits for them on its graph fails as soon as one has ended.
    """
    started = []
    log_file = tmp_path / "process.log"
    if "graph" in request.fixturenames:
        request.getfixturevalue("graph").processes = ProcessLog(started, log_file)

    def run(*arguments: str) -> subprocess.Popen[bytes]:
        path = os.pathsep.join(map(os.path.abspath, sys.path))
        environment = os.environ | {"ROS_DOMAIN_ID": str(domain_id), "PYTHONPATH": path, "OMP_NUM_THREADS": "1"}
        with log_file.open("ab") as log:
            process = subprocess.Popen([sys.executable, *arguments], stdout=log, stderr=log, env=environment)
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.wait()


def test_virtual_unity_and_perception_talk_over_dds(graph: Graph, start: Start) -> None:
    truth = graph.collect(ObjectDistanceArray, "ground_truth/objects")
    found = graph.collect(ObjectDistanceArray, "objects/distances")
    start("-c", _PERCEPTION.format(seconds=0))
    start(
        *("-m", "unity_depth_perception.nodes.virtual_unity_node", "--ros-args"),
        *("-p", "width:=96", "-p", "height:=64", "-p", "rate_hz:=10.0"),
    )
    graph.spin_until(lambda: len(found) >= 5 and len(truth) >= 5, "frames", START_S)
    stamps = [stamp_ns_of(m.header) for m in found]
    assert stamps == sorted(set(stamps))
    assert set(stamps) & {stamp_ns_of(m.header) for m in truth}
    assert 0 <= stamps[0] < START_S * 1e9, "stamps count from the start of virtual Unity's own clock"
    assert {m.header.frame_id for m in found} == {"unity_camera_optical"}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_perception_node_exits_cleanly_in_the_middle_of_a_frame(
    graph: Graph, start: Start, number: signal.Signals
) -> None:
    process = start("-c", _PERCEPTION.format(seconds=COMPUTE_S))
    graph.collect(ObjectDistanceArray, "objects/distances")
    send_frame = camera_that_perception_hears(graph)
    for _ in range(5):
        send_frame()
    assert exit_code(process, number) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_markers_are_deleted_when_the_process_ends(graph: Graph, start: Start, number: signal.Signals) -> None:
    markers = graph.collect(MarkerArray, "objects/markers")
    process = start("-c", _PERCEPTION.format(seconds=0))
    send_frame = camera_that_perception_hears(graph)
    graph.spin_until(lambda: bool(send_frame() or markers), "markers")
    graph.processes = None  # it is to end
    assert exit_code(process, number) == 0
    graph.spin_until(lambda: actions(markers[-1]) == [Marker.DELETEALL], "the deletion")


_RCLPY_SHUTS_DOWN = "rclpy.shutdown()"
_FAULT = "self.publisher.destroy()"
_SIGNAL_IS_KEPT = """
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except KeyboardInterrupt:
            pass
"""
_SIGNAL_BECOMES_AN_ERROR = _SIGNAL_IS_KEPT.replace("pass", "raise RuntimeError from None")  # as within pybind11


@pytest.mark.parametrize(
    ("happens", "code"),
    [(_RCLPY_SHUTS_DOWN, 0), (_SIGNAL_IS_KEPT, 0), (_SIGNAL_BECOMES_AN_ERROR, 0), (_FAULT, 1)],
    ids=["shut down", "signal is kept", "signal becomes an error", "a fault"],
)
def test_callback_interrupted_by_shutdown_is_not_an_error(
    start: Start, tmp_path: Path, happens: str, code: int
) -> None:
    assert start("-c", _OVERTAKEN.format(happens=happens)).wait(timeout=START_S) == code
    assert ("Traceback" in (tmp_path / "process.log").read_text()) == bool(code)


def test_virtual_unity_exits_cleanly_while_it_renders(graph: Graph, start: Start) -> None:
    process = start("-m", "unity_depth_perception.nodes.virtual_unity_node", "--ros-args", "-p", "width:=1024")
    graph.spin_until(lambda: graph.node.count_publishers("image_raw") > 0, "virtual Unity", START_S)
    assert exit_code(process, signal.SIGTERM) == 0


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("depht_model:=x", "unknown parameter depht_model; did you mean depth_model"),
        ("vertical_fov_deg:=200.0", "expected a number from 0.0 to 179.0, got 200.0"),
    ],
)
def test_invalid_parameter_ends_the_process_with_a_message(
    start: Start, tmp_path: Path, override: str, said: str
) -> None:
    process = start("-m", "unity_depth_perception.nodes.perception_node", "--ros-args", "-p", override)
    assert process.wait(timeout=START_S) == 2
    assert said in (tmp_path / "process.log").read_text()


def test_stage_nodes_run_as_processes(start: Start, tmp_path: Path) -> None:
    """Each refuses a parameter that only another node has, so it uses its own table."""
    overrides = {
        "depth_node": ("min_score:=0.5", "unknown parameter min_score"),
        "segmentation_node": ("depth_model:=compact", "unknown parameter depth_model"),
        "distance_node": ("sync_tolerance_s:=60.0", "sync_tolerance_s: expected a number from 0.0 to 10.0, got 60.0"),
    }
    processes = [
        start("-m", f"unity_depth_perception.nodes.{name}", "--ros-args", "-p", override)
        for name, (override, _) in overrides.items()
    ]
    assert [process.wait(timeout=START_S) for process in processes] == [2, 2, 2]
    log = (tmp_path / "process.log").read_text()
    assert all(said in log for _, said in overrides.values())


def test_node_takes_its_name_and_parameters_from_the_command_line(start: Start, tmp_path: Path) -> None:
    """The file has an invalid value for that name only, so the refusal shows that both are used."""
    parameters = tmp_path / "mine.yaml"
    parameters.write_text("eyes:\n  ros__parameters:\n    sync_tolerance_s: 60.0\n")
    names = ("-r", "__node:=eyes", "--params-file", str(parameters))
    process = start("-m", "unity_depth_perception.nodes.distance_node", "--ros-args", *names)
    assert process.wait(timeout=START_S) == 2
    assert "expected a number from 0.0 to 10.0, got 60.0" in (tmp_path / "process.log").read_text()


def test_failing_demo_gives_the_reason_and_leaves_no_process(start: Start, tmp_path: Path) -> None:
    process = start("-m", "unity_depth_perception.demo", "--output", str(tmp_path), "--depth-model", "nonsense")
    assert process.wait(timeout=2 * START_S) == 1
    assert "unknown depth model 'nonsense'" in (tmp_path / "process.log").read_text()
    assert processes_of(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_interrupted_demo_leaves_no_process(start: Start, tmp_path: Path, number: signal.Signals) -> None:
    process = start("-m", "unity_depth_perception.demo", "--output", str(tmp_path))
    end = time.monotonic() + START_S
    while len(processes_of(tmp_path)) < 2 and time.monotonic() < end:
        time.sleep(0.05)
    assert len(processes_of(tmp_path)) == 2
    process.send_signal(number)
    assert process.wait(timeout=20) == 130
    assert processes_of(tmp_path) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["Ctrl-C", "SIGTERM"])
def test_interruption_within_exec_has_the_usual_exit_code(tmp_path: Path, number: signal.Signals) -> None:
    """A KeyboardInterrupt that leaves `exec` (as dataclasses call it) would make Python end by SIGINT at exit."""
    text = f"import signal; signal.raise_signal({int(number)})"
    (tmp_path / "interrupted.py").write_text(
        "from unity_depth_perception.demo import __main__ as demo\n"
        f"demo.start_nodes = lambda *_: exec({text!r})\n"
        "raise SystemExit(demo.main())\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *map(os.path.abspath, sys.path)])}
    ended = subprocess.run([sys.executable, "-m", "interrupted"], cwd=tmp_path, env=environment, timeout=START_S)
    assert ended.returncode == 130


def test_signal_is_deferred_while_a_process_starts() -> None:
    steps = []
    with pytest.raises(KeyboardInterrupt), processes._signals_deferred():  # noqa: PT012 - what the block does is the test
        signal.raise_signal(signal.SIGINT)
        steps.append("started and noted")
    assert steps == ["started and noted"]
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def camera_that_perception_hears(graph: Graph) -> Callable[[], None]:
    """Start a camera and wait until perception listens; returns a function that sends one frame more."""
    images = graph.node.create_publisher(Image, "image_raw", OUTPUT_QOS)
    infos = graph.node.create_publisher(CameraInfo, "camera_info", OUTPUT_QOS)
    graph.spin_until(lambda: images.get_subscription_count() > 0, "perception to listen", START_S)
    graph.spin_until(lambda: infos.get_subscription_count() > 0, "perception to listen")
    stamps_ns = itertools.count(1, 100_000_000)

    def send_frame() -> None:
        stamp_ns = next(stamps_ns)
        infos.publish(camera_info(stamp_ns))
        images.publish(image(stamp_ns))
        graph.spin_for(0.1)

    return send_frame


def actions(message: MarkerArray) -> list[int]:
    return [marker.action for marker in message.markers]


def exit_code(process: subprocess.Popen[bytes], number: signal.Signals) -> int:
    process.send_signal(number)
    return process.wait(timeout=EXIT_S)


def processes_of(folder: Path) -> list[int]:
    """Processes other than the demo itself that write their log into this folder."""
    found = []
    for fd in Path("/proc").glob("[0-9]*/fd/1"):
        try:
            target = fd.readlink()
        except OSError:
            continue  # it has ended, or is another user's
        if target.parent == folder and target.name.endswith("_node.log"):
            found.append(int(fd.parts[2]))
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("delay_s", [0.2, 0.8, 2.0])
def test_signal_while_a_node_still_imports_ends_it_quietly(
    tmp_path: Path, domain_id: int, number: signal.Signals, delay_s: float
) -> None:
    command = [
        sys.executable,
        "-m",
        "unity_depth_perception.nodes.perception_node",
        "--ros-args",
        "-p",
        "depth_model:=compact",
    ]
    with (tmp_path / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"ROS_DOMAIN_ID": str(domain_id)})
        time.sleep(delay_s)
        process.send_signal(number)
        code = process.wait(EXIT_S)
    text = (tmp_path / "log").read_text()
    assert "Traceback" not in text
    assert code == 0 or (delay_s < 0.5 and code == -number)  # before Python has read the first line of ours


@pytest.mark.long  # test_view_node runs one demo in the default ring
def test_two_demos_at_once_have_folders_and_domains_of_their_own(tmp_path: Path) -> None:
    command = [
        sys.executable,
        "-m",
        "unity_depth_perception.demo",
        "--frames",
        "2",
        "--width",
        "160",
        "--height",
        "120",
    ]
    environment = os.environ | {"ROS_DOMAIN_ID": "77", "PYTHONPATH": str(Path(__file__).parents[2])}
    demos = [subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL) for _ in range(2)]
    assert [demo.wait(START_S) for demo in demos] == [0, 0]
    assert {path.name for path in tmp_path.iterdir()} == {"demo", "demo-2"}
    assert all((tmp_path / name / "report.json").is_file() for name in ("demo", "demo-2"))


def test_endpoint_and_perception_beside_unity_need_no_ros_installation(tmp_path: Path, domain_id: int) -> None:
    """What `make unity` runs, with a client that speaks as Unity does."""
    port = free_port()
    command = [sys.executable, "-m", "unity_depth_perception.demo.unity", "--port", str(port)]
    with (tmp_path / "log").open("wb") as log:
        environment = os.environ | {"ROS_DOMAIN_ID": str(domain_id)}
        process = subprocess.Popen(command, stdout=log, stderr=log, env=environment)
    client = UnityClient(port)
    try:
        for name, kind in (("image_raw", "Image"), ("camera_info", "CameraInfo")):
            client.register_publisher(f"/unity/camera/{name}", f"sensor_msgs/{kind}")
        results = "/unity/perception/objects/distances"
        client.subscribe(results, "unity_depth_perception/ObjectDistanceArray")
        end, stamp_ns = time.monotonic() + START_S, 0
        while not client.received[results]:
            assert time.monotonic() < end, (tmp_path / "log").read_text()
            stamp_ns += 1_000_000
            client.publish("/unity/camera/camera_info", serialize_message(camera_info(stamp_ns)))
            client.publish("/unity/camera/image_raw", serialize_message(image(stamp_ns)))
            time.sleep(0.2)
        message = deserialize_message(client.received[results][0].payload, ObjectDistanceArray)
        assert message.depth_model == "compact"
    finally:
        client.close()
        process.send_signal(signal.SIGINT)
        assert process.wait(EXIT_S) == 0
