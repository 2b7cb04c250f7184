"""Latency from image to objects over DDS: perception_node and one process per stage compared, without networks.

    python benchmarks/latency.py [--frames 60] [--size 1024x1024] [--default-dds]

Depth and masks are given, so the rest is measured: transport, conversion, distances, point cloud. Both set-ups run one
after the other with the same DDS profile; each frame is sent when the results of the one before have arrived.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from processes import StageProcesses, set_environment

if TYPE_CHECKING:
    from camera import Camera

SETUPS = {"perception_node": ("perception",), "a process per stage": ("depth", "segmentation", "distances", "cloud")}
WARM_UP = 5
DEADLINE_S = 600.0  # until the processes have started, on a slow machine
FRAME_DEADLINE_S = 10.0
GOAL_MS, GOAL_CLOUD_MS, GOAL_RATIO = 25.0, 80.0, 3.0


@dataclass
class Measurement:
    """Measurements of one set-up with one kind of subscriber; milliseconds from publication of the image."""

    objects_ms: list[float] = field(default_factory=list)
    cloud_ms: list[float] = field(default_factory=list)
    cpu_ms: float = 0.0  # of all stages together, per frame
    lost: int = 0


def main() -> None:
    """Run both set-ups and print their medians and ratios."""
    options = _parse()
    set_environment(profile=not options.default_dds)
    with tempfile.TemporaryDirectory() as folder:
        scene = Path(folder) / "scene.npz"
        render_scene(scene, *options.size)
        phases = _measure(scene, options.frames)
    _print(phases, options)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--frames", type=int, default=60, help="per set-up, without and with the cloud")
    parser.add_argument("--size", type=lambda text: tuple(map(int, text.split("x"))), default=(1024, 1024))
    parser.add_argument("--default-dds", action="store_true", help="leave the shipped DDS profile out")
    return parser.parse_args()


def render_scene(file: Path, width: int, height: int) -> None:
    from unity_depth_perception.synthetic.samples import render_samples

    sample = render_samples(seeds=[900_000_000], width=width, height=height)[0]
    names = [item.category for item in sample.objects]
    np.savez(
        file,
        image=sample.image,
        depth_m=np.asarray(sample.depth_m),
        instances=np.asarray(sample.instances),
        categories=names,
        k=sample.camera.k,
    )


def _measure(scene: Path, frames: int) -> dict[tuple[str, bool], Measurement]:
    # Imported late: DDS reads its environment on import.
    from camera import Camera

    phases = {}
    camera = Camera(scene)
    for setup, names in SETUPS.items():
        with StageProcesses(names, scene) as stages:
            camera.wait_for_objects(DEADLINE_S, stages.check)
            for with_cloud in (False, True):
                with StageProcesses(("listener",) if with_cloud else (), scene) as listener:
                    if with_cloud:
                        camera.wait_for_cloud(DEADLINE_S, listener.check)
                    _run(camera, WARM_UP, with_cloud, stages)
                    phases[setup, with_cloud] = _run(camera, frames, with_cloud, stages)
    camera.close()
    return phases


def _run(camera: Camera, frames: int, with_cloud: bool, stages: StageProcesses) -> Measurement:
    phase, before_s = Measurement(), stages.cpu_s()
    for _ in range(frames):
        arrivals = camera.send(with_cloud, FRAME_DEADLINE_S)
        if arrivals is None:
            phase.lost += 1
            continue
        phase.objects_ms.append(arrivals[0])
        phase.cloud_ms += arrivals[1:]
    phase.cpu_ms = (stages.cpu_s() - before_s) / frames * 1e3
    return phase


def _print(phases: dict[tuple[str, bool], Measurement], options: argparse.Namespace) -> None:
    width, height = options.size
    dds = "default DDS" if options.default_dds else "shipped DDS profile"
    machine = f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    print(f"{width} x {height}, {options.frames} frames each, {dds}, {machine}")
    print(f"{'p50':34}{'perception_node':>18}{'process per stage':>20}{'ratio':>8}")
    rows: list[tuple[str, bool, Callable[[Measurement], float]]] = [
        ("image to objects [ms]", False, lambda p: float(np.median(p.objects_ms))),
        ("CPU per frame [ms]", False, lambda p: p.cpu_ms),
        ("image to objects, with cloud [ms]", True, lambda p: float(np.median(p.objects_ms))),
        ("image to cloud [ms]", True, lambda p: float(np.median(p.cloud_ms))),
        ("CPU per frame, with cloud [ms]", True, lambda p: p.cpu_ms),
        ("frames lost", False, lambda p: p.lost),
        ("frames lost, with cloud", True, lambda p: p.lost),
    ]
    ours, usual = SETUPS
    for name, with_cloud, value in rows:
        a, b = float(value(phases[ours, with_cloud])), float(value(phases[usual, with_cloud]))
        print(f"{name:34}{a:18.1f}{b:20.1f}" + (f"{b / a:7.1f}x" if a > 0 and "lost" not in name else ""))
    print(f"goals on an idle machine of 2 cores: {GOAL_MS:g} ms, {GOAL_CLOUD_MS:g} ms with cloud, {GOAL_RATIO:g} x")


if __name__ == "__main__":
    main()
