"""Lifecycle requests of other nodes: what does not fit is answered, and a long configuration holds nobody up."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")

from camera_rig import CameraRig, MakeNode
from conftest import Graph
from diagnostic_msgs.msg import DiagnosticArray
from lifecycle_msgs.msg import Transition
from lifecycle_msgs.srv import ChangeState, GetState
from rcl_interfaces.srv import GetParameters
from stand_ins import image, stand_in_pipeline

from unity_depth_perception.nodes.perception_node import PerceptionNode
from unity_depth_perception.pipeline import PerceptionPipeline
from unity_depth_perception.ros import dds_profile
from unity_depth_perception.ros.topics.diagnostics import values_of

ROOT = Path(__file__).parents[2]


class Requests:
    """Asks one node."""

    def __init__(self, graph: Graph, node: Any) -> None:
        self._graph = graph
        name = node.get_fully_qualified_name()
        self._change = graph.node.create_client(ChangeState, f"{name}/change_state")
        self._state = graph.node.create_client(GetState, f"{name}/get_state")
        self._parameters = graph.node.create_client(GetParameters, f"{name}/get_parameters")
        for client in (self._change, self._state, self._parameters):
            graph.spin_until(client.service_is_ready, "the services")

    def start_change(self, id_: int = 0, label: str = "") -> Any:
        return self._change.call_async(ChangeState.Request(transition=Transition(id=id_, label=label)))

    def change(self, id_: int = 0, label: str = "") -> bool:
        return bool(self._answer(self.start_change(id_, label)).success)

    def state(self) -> str:
        return str(self._answer(self._state.call_async(GetState.Request())).current_state.label)

    def parameter(self, name: str) -> Any:
        return self._answer(self._parameters.call_async(GetParameters.Request(names=[name]))).values[0]

    def _answer(self, future: Any) -> Any:
        self._graph.spin_until(future.done, "an answer")
        return future.result()


@pytest.mark.parametrize(
    ("id_", "label"),
    [
        (Transition.TRANSITION_ACTIVATE, ""),
        (Transition.TRANSITION_DEACTIVATE, ""),
        (Transition.TRANSITION_CLEANUP, ""),
        (Transition.TRANSITION_ACTIVE_SHUTDOWN, ""),
        (77, ""),
        (0, "activate"),
        (0, "no such transition"),
    ],
)
def test_request_that_does_not_fit_the_state_is_answered_and_the_node_lives_on(
    graph: Graph, make_node: MakeNode, id_: int, label: str
) -> None:
    requests = Requests(graph, make_node())
    assert not requests.change(id_, label)
    assert requests.state() == "unconfigured"
    assert requests.change(Transition.TRANSITION_CONFIGURE)
    assert not requests.change(Transition.TRANSITION_CONFIGURE)
    assert requests.change(label="activate")
    assert requests.state() == "active"


def test_whole_life_by_requests(graph: Graph, make_node: MakeNode) -> None:
    requests = Requests(graph, make_node())
    for label, state in (
        ("configure", "inactive"),
        ("activate", "active"),
        ("deactivate", "inactive"),
        ("cleanup", "unconfigured"),
        ("configure", "inactive"),
        ("shutdown", "finalized"),
    ):
        assert requests.change(label=label)
        assert requests.state() == state
    assert not requests.change(label="configure")


@pytest.mark.parametrize("cycles", [3, pytest.param(20, marks=pytest.mark.long)], ids=["short", "long"])
def test_cycles_of_cleanup_and_configure_leave_nothing_behind(graph: Graph, make_node: MakeNode, cycles: int) -> None:
    rig = CameraRig(graph, make_node())
    requests = Requests(graph, rig.node)

    def in_use() -> tuple[int, int, int]:
        entities = [*rig.node.publishers, *rig.node.subscriptions, *rig.node.timers, *rig.node.services]
        return len(entities), threading.active_count(), graph.node.count_publishers("objects/distances")

    at_first = None
    for cycle in range(cycles):
        rig.send_info()
        assert rig.process(image(cycle + 1)).objects
        at_first = at_first or in_use()
        assert in_use() == at_first
        for label in ("deactivate", "cleanup", "configure", "activate"):
            assert requests.change(label=label), label
        graph.spin_until(lambda: rig._connected, "the camera to be connected again")


def test_node_answers_while_it_configures(graph: Graph) -> None:
    gate = threading.Event()

    def slow(_: Any) -> PerceptionPipeline:
        assert gate.wait(20)
        return stand_in_pipeline()

    node = graph.add(PerceptionNode(slow, context=graph.context))
    requests, reports = Requests(graph, node), graph.collect(DiagnosticArray, "/diagnostics")
    configured = requests.start_change(Transition.TRANSITION_CONFIGURE)
    graph.spin_until(lambda: node.is_configuring, "the start of the configuration")
    assert requests.state() == "configuring"
    assert requests.parameter("depth_model").string_value == node.config.depth_model
    assert not requests.change(Transition.TRANSITION_ACTIVATE)  # refused: a transition is in progress
    seen = lambda: [s for s in (values_of(r, "/perception_node") for r in reports) if s]  # noqa: E731
    graph.spin_until(lambda: any("configuring" in status.message for status, _ in seen()), "diagnostics to say so")
    assert not configured.done()
    gate.set()
    graph.spin_until(configured.done, "the end of the configuration")
    assert configured.result().success
    assert requests.change(label="activate")


def test_two_nodes_of_one_name_are_noticed(
    graph: Graph, make_node: MakeNode, capfd: pytest.CaptureFixture[str]
) -> None:
    make_node()
    make_node()
    graph.spin_for(4.0)
    assert "another node is called /perception_node too" in capfd.readouterr().err


def test_shared_memory_that_may_fill_up_is_named_at_start(
    make_node: MakeNode, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(dds_profile.PROFILE_VARIABLE, str(ROOT / "config" / "fastdds_profile.xml"))
    make_node()
    assert "shm-size" not in capfd.readouterr().err
    monkeypatch.setattr(dds_profile, "free_shared_memory_bytes", lambda: 60 << 20)
    make_node()
    assert "/dev/shm has 60 MiB free" in capfd.readouterr().err
