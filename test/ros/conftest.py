"""Fixtures of the ROS tests: each has its own context and domain, and every wait has a deadline."""

from __future__ import annotations

import itertools
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

DEADLINE_S = 15.0
_domains = itertools.count(os.getpid())


class ProcessLog(NamedTuple):
    """The processes that a test started, and the file into which they write."""

    started: list[subprocess.Popen[bytes]]
    file: Path

    def fail_if_ended(self) -> None:
        """Fail the test, with what the processes wrote, if one of them has ended."""
        codes = [process.poll() for process in self.started]
        if any(code is not None for code in codes):
            pytest.fail(f"a process ended (exit codes {codes}):\n{self.file.read_text(errors='replace')}")


class Graph:
    """A context, an executor, and the nodes of one test."""

    def __init__(self, domain_id: int) -> None:
        import rclpy
        from rclpy.executors import SingleThreadedExecutor

        self.domain_id = domain_id
        self.context = rclpy.Context()
        rclpy.init(context=self.context, domain_id=domain_id)
        self.executor = SingleThreadedExecutor(context=self.context)
        self.node = self.add(rclpy.create_node("test_client", context=self.context))
        self.processes: ProcessLog | None = None

    def add(self, node: Any) -> Any:
        self.executor.add_node(node)
        return node

    def spin_until(self, condition: Callable[[], bool], what: str, deadline_s: float = DEADLINE_S) -> None:
        """Spin until the condition holds; after the deadline fail with `what` was waited for."""
        end = time.monotonic() + deadline_s
        while not condition():
            if time.monotonic() > end:
                pytest.fail(f"waited {deadline_s:g} s in vain for {what}")
            if self.processes:
                self.processes.fail_if_ended()
            self.executor.spin_once(timeout_sec=0.01)

    def spin_for(self, seconds: float) -> None:
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.executor.spin_once(timeout_sec=0.05)

    def collect(self, message_type: type[Any], topic: str) -> list[Any]:
        """Subscribe to a topic; return a list to which its messages are appended."""
        from unity_depth_perception.ros.topics.qos import OUTPUT_QOS

        messages: list[Any] = []
        self.node.create_subscription(message_type, topic, messages.append, OUTPUT_QOS)
        return messages

    def close(self) -> None:
        import rclpy

        for node in self.executor.get_nodes():
            if hasattr(node, "tear_down"):
                node.tear_down()
            node.destroy_node()
        self.executor.shutdown()
        rclpy.try_shutdown(context=self.context)


@pytest.fixture
def domain_id() -> int:
    """A domain that no other test of this run uses; below 102, where Linux' ephemeral ports begin."""
    return next(_domains) % 100 + 1


@pytest.fixture
def graph(domain_id: int) -> Iterator[Graph]:
    graph = Graph(domain_id)
    yield graph
    graph.close()


@pytest.fixture
def make_node(graph: Graph) -> Callable[..., Any]:
    """Makes a perception_node with stand-in models; keyword arguments are its parameters."""
    from rclpy.parameter import Parameter
    from stand_ins import stand_in_pipeline

    from unity_depth_perception.nodes.perception_node import PerceptionNode

    def make(gate: threading.Semaphore | None = None, pipeline: Any = None, **parameters: Any) -> Any:
        overrides = [Parameter(name, value=value) for name, value in parameters.items()]
        return graph.add(
            PerceptionNode(
                lambda _: pipeline or stand_in_pipeline(gate), context=graph.context, parameter_overrides=overrides
            )
        )

    return make


@pytest.fixture
def rig(graph: Graph, make_node: Callable[..., Any]) -> Any:
    """A perception_node with stand-in models, connected to a camera."""
    from camera_rig import CameraRig

    return CameraRig(graph, make_node())
