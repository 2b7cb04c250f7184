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
