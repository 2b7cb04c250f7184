"""Compile the Unity package's C# with Debian's Mono once per session, and run it. Unity itself is not needed."""

from __future__ import annotations

from pathlib import Path

import pytest
from mono import Mono, find_mono


@pytest.fixture(scope="session")
def mono(tmp_path_factory: pytest.TempPathFactory) -> Mono:
    """The compiler and the runtime, and a folder for what they make; skips where they are not installed."""
    return find_mono(tmp_path_factory.mktemp("mono"))


@pytest.fixture(scope="session")
def core(mono: Mono) -> Path:
    """The engine-free part of the package, compiled without any reference to the engine."""
    return mono.library("UnityDepthPerception.Core", mono.package_sources("Runtime/Core"))


@pytest.fixture(scope="session")
def core_probe(mono: Mono, core: Path) -> Path:
    """A program that runs the engine-free part on what it reads from standard input."""
    return mono.program("CoreProbe", mono.test_sources("csharp/core"), [core])


@pytest.fixture(scope="session")
def engine(mono: Mono) -> Path:
    """Stand-ins for UnityEngine and UnityEditor."""
    return mono.library("StubEngine", mono.test_sources("stubs/engine", "stubs/editor"), documented=False)


@pytest.fixture(scope="session")
def connector(mono: Mono, engine: Path) -> Path:
    """Stand-in for ROS-TCP-Connector, with the standard messages."""
    pytest.importorskip("rclpy", reason="needs rclpy, from which the standard messages are generated")
    from standard_messages import write_standard_messages

    folder = mono.folder / "standard_messages"
    folder.mkdir()
    sources = [*mono.test_sources("stubs/connector"), *write_standard_messages(folder)]
    return mono.library("StubConnector", sources, [engine], documented=False)


@pytest.fixture(scope="session")
def messages(mono: Mono, engine: Path, connector: Path) -> Path:
    """The package's message classes."""
    sources = mono.package_sources("Runtime/Messages")
    return mono.library("UnityDepthPerception.Messages", sources, [engine, connector], documented=False)


@pytest.fixture(scope="session")
def capture(mono: Mono, core: Path, engine: Path) -> Path:
    """The part of the package that needs the engine, but not the connector."""
    return mono.library("UnityDepthPerception", mono.package_sources("Runtime/Capture"), [core, engine])


@pytest.fixture(scope="session")
def ros(mono: Mono, core: Path, engine: Path, capture: Path, connector: Path, messages: Path) -> Path:
    """The part of the package that needs the connector."""
    sources = mono.package_sources("Runtime/Ros")
    return mono.library("UnityDepthPerception.Ros", sources, [core, engine, capture, connector, messages])


@pytest.fixture(scope="session")
def component_probe(
    mono: Mono, core: Path, engine: Path, capture: Path, connector: Path, messages: Path, ros: Path
) -> Path:
    """A program that drives the components by a stand-in for the player loop."""
    references = [core, engine, capture, connector, messages, ros]
    return mono.program("ComponentProbe", mono.test_sources("csharp/components"), references)
