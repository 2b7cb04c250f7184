"""Inference engines against torch on this CPU: `python benchmarks/engines.py [--earlier FOLDER] [--frames 20]`.

Contenders take turns, so that other load on the machine affects all alike; compare the ratios. The embedded pipeline
runs in a process for each contender, the Depth Anything networks, with random weights, in this one. --earlier is a
checkout of an earlier version, such as `git worktree add FOLDER 9478457`, whose embedded pipeline takes part.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# As the nodes have it, before torch is imported: threads that wait do not take the cores from an engine's.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np
import torch
from latency import render_scene
from processes import ROOT

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.evaluation.speed.depth_models import CallTimes, time_calls, whole_call
from unity_depth_perception.models.engine.accelerated_network import exporting
from unity_depth_perception.models.engine.sessions import ENGINES, how_to_install, is_installed
from unity_depth_perception.models.runtime.options import DepthOptions

sys.path.insert(0, str(Path(__file__).parent / "gpu_parts"))
from random_models import estimator_with, provide_unused_libraries, random_network, reference_with

CPU = torch.device("cpu")
WORKER = Path(__file__).with_name("engine_worker.py")
GOALS = {"compact": "1.6 x torch of commit 9478457", "da3-small": "1.5 x torch, 6 x reference"}
GOALS["da3metric-large"] = "1.3 x torch"
NETWORKS = ("proposals", "segmentation", "depth")


class Worker:
    """A process that runs the embedded pipeline with one acceleration."""

    def __init__(self, acceleration: str, scene: Path, source: Path) -> None:
        path = os.pathsep.join([str(source), os.environ.get("PYTHONPATH", "")])
        environment = os.environ | {"PYTHONPATH": path}
        self.frames: list[dict[str, Any]] = []
        self._process = subprocess.Popen(
            [sys.executable, str(WORKER), acceleration, str(scene)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        while (line := self._read()) != "ready":
            print(line)

    def run(self) -> None:
        """Process one frame."""
        assert self._process.stdin is not None
        print(file=self._process.stdin, flush=True)
        self.frames.append(json.loads(self._read()))

    def close(self) -> None:
        """End the process."""
        self._process.communicate()

    def median_ms(self, key: str) -> float:
        """Median of the frames' wall_s or cpu_s."""
        return float(np.median([frame[key] for frame in self.frames])) * 1e3

    def outside_ms(self) -> float:
        """Median of what a frame takes outside the networks' stages."""
        kept = [sum(s for stage, s in f["stages"].items() if stage not in NETWORKS) for f in self.frames]
        return float(np.median(kept)) * 1e3

    def _read(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"the worker ended with code {self._process.wait()}")
        return line.strip()


def measure_pipeline(scene: Path, engines: Sequence[str], earlier: Path | None, count: int) -> None:
    """Time the embedded pipeline in torch, in each engine, and of an earlier version, and print it."""
    workers = {"earlier": Worker("earlier", scene, earlier)} if earlier else {}
    workers |= {name: Worker(name, scene, ROOT) for name in ("none", *engines, "auto")}
    for _ in range(count):
        for worker in workers.values():
            worker.run()
    for worker in workers.values():
        worker.close()
    print(f"\nembedded pipeline, image to bytes of depth and cloud (goal {GOALS['compact']})")
    print(f"{'':14}{'p50 ms':>9}{'processor ms':>14}{'outside networks ms':>21}{'x none':>8}{'x earlier':>11}")
    medians_ms = {name: worker.median_ms("wall_s") for name, worker in workers.items()}
    for name, worker in workers.items():
        columns = f"{medians_ms[name]:9.0f}{worker.median_ms('cpu_s'):14.0f}{worker.outside_ms():21.0f}"
        against = [medians_ms.get(other, float("nan")) / medians_ms[name] for other in ("none", "earlier")]
        print(f"{name:14}{columns}{against[0]:8.2f}{against[1]:11.2f}")


def measure_network(model: str, scene: Path, engines: Sequence[str], count: int, with_reference: bool) -> None:
    """Time a Depth Anything model in torch, in each engine and by its authors' front end, and print it."""
    with np.load(scene) as data:
        image = data["image"]
        camera = Camera.from_k(data["k"], image.shape[1], image.shape[0])
    network = random_network(model, CPU)
    calls = {}
    for acceleration in ("none", *engines):
        estimator = estimator_with(network, model, CPU, DepthOptions(precision="float32", acceleration=acceleration))
        calls[acceleration] = whole_call(estimator, image, camera)
        with exporting():
            calls[acceleration]()
    if with_reference:
        provide_unused_libraries()
        reference = reference_with(network, model, CPU, 0)
        calls["reference"] = lambda: reference.infer(image)
    print_times(model, time_calls(calls, count))


def print_times(model: str, times: Mapping[str, CallTimes]) -> None:
    """Print medians and ratios to torch, which is `none`."""
    print(f"\n{model}, random weights, decoded image to depth in host memory (goal {GOALS[model]})")
    print(f"{'':14}{'p50 ms':>9}{'processor ms':>14}{'x none':>8}")
    for name, one in times.items():
        ratio = times["none"].wall_ms(50) / one.wall_ms(50)
        print(f"{name:14}{one.wall_ms(50):9.0f}{one.cpu_ms(50):14.0f}{ratio:8.2f}")


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--models", default="compact,da3-small,da3metric-large", help="of these, separated by commas")
    parser.add_argument("--frames", type=int, default=20, help="of the embedded pipeline; a quarter of the networks")
    parser.add_argument("--earlier", type=Path, help="checkout of an earlier version of this repository")
    parser.add_argument("--size", type=lambda text: tuple(map(int, text.split("x"))), default=(1024, 1024))
    options = parser.parse_args()
    engines = [engine for engine in ENGINES if is_installed(engine)]
    for engine in sorted(set(ENGINES) - set(engines)):
        print(how_to_install(engine))
    models = options.models.split(",")
    with tempfile.TemporaryDirectory() as folder:
        scene = Path(folder) / "scene.npz"
        render_scene(scene, *options.size)
        if "compact" in models:
            measure_pipeline(scene, engines, options.earlier, options.frames)
        for model in models:
            if model != "compact":
                measure_network(model, scene, engines, max(2, options.frames // 4), model == "da3-small")
    load, cores = os.getloadavg()[0], os.cpu_count()
    print(
        f"\n{options.size[0]} x {options.size[1]}, {torch.get_num_threads()} threads, load {load:.1f} on {cores} cores"
    )


if __name__ == "__main__":
    main()
