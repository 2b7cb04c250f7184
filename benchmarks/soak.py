"""Soak test: ten minutes of frames at full speed; fails if perception_node's memory or latency grows.

    python benchmarks/soak.py [--minutes 10] [--size 1024x1024]

Depth and masks are given; objects and cloud have subscribers. The first tenth is warm-up, the second tenth is compared
with the last. Exit code 1 if memory grew by more than 2 %, or latency by more than 10 %.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from latency import DEADLINE_S, FRAME_DEADLINE_S, render_scene
from numpy.typing import NDArray
from processes import StageProcesses, set_environment

MAX_MEMORY_GROWTH, MAX_LATENCY_GROWTH = 0.02, 0.10


class FrameMeasurement(NamedTuple):
    """One frame: time of sending, milliseconds to its objects and to its cloud, memory of the node."""

    at_s: float
    objects_ms: float
    cloud_ms: float
    memory_mb: float


def main() -> int:
    """Run, compare, and return the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--size", type=lambda text: tuple(map(int, text.split("x"))), default=(1024, 1024))
    options = parser.parse_args()
    set_environment(profile=True)
    with tempfile.TemporaryDirectory() as folder:
        scene = Path(folder) / "scene.npz"
        render_scene(scene, *options.size)
        samples, lost = _soak(scene, options.minutes * 60)
    width, height = options.size
    print(f"{width} x {height}: {len(samples)} frames in {options.minutes:g} minutes, {lost} lost, {_machine()}")
    return _compare(np.array(samples))


def _soak(scene: Path, seconds: float) -> tuple[list[FrameMeasurement], int]:
    # Imported late: DDS reads its environment on import.
    from camera import Camera

    samples, lost = [], 0
    camera = Camera(scene)
    with StageProcesses(("perception",), scene) as node, StageProcesses(("listener",), scene) as listener:
        camera.wait_for_objects(DEADLINE_S, node.check)
        camera.wait_for_cloud(DEADLINE_S, listener.check)
        start_s = time.monotonic()
        while (at_s := time.monotonic() - start_s) < seconds:
            arrivals = camera.send(True, FRAME_DEADLINE_S)
            node.check()
            if arrivals is None:
                lost += 1
            else:
                objects_ms, cloud_ms = arrivals
                samples.append(FrameMeasurement(at_s, objects_ms, cloud_ms, node.memory_mb()))
    camera.close()
    return samples, lost


def _compare(samples: NDArray[np.float64]) -> int:
    tenth = len(samples) // 10
    if tenth == 0:
        print("too few frames to compare")
        return 1
    early, late = samples[tenth : 2 * tenth], samples[-tenth:]
    code = 0
    for name, most in (
        ("objects_ms", MAX_LATENCY_GROWTH),
        ("cloud_ms", MAX_LATENCY_GROWTH),
        ("memory_mb", MAX_MEMORY_GROWTH),
    ):
        column = FrameMeasurement._fields.index(name)
        before, after = float(np.median(early[:, column])), float(np.median(late[:, column]))
        growth = after / before - 1
        assessment = "ok" if growth <= most else f"more than {most:.0%}"
        code |= growth > most
        print(f"{name:12}{before:10.1f} -> {after:10.1f}  {growth:+7.1%}  {assessment}")
    return code


def _machine() -> str:
    return f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"


if __name__ == "__main__":
    sys.exit(main())
