"""Count Unity's images that arrive: fake Unity -> TCP -> ROS-TCP-Endpoint -> DDS -> perception_node, 30 Hz for 10 s.

    python benchmarks/unity_images.py [--size 1024x1024] [--rate-hz 30] [--seconds 10]

Needs the package ros_tcp_endpoint. Exit code 1 if an image is missing.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from latency import render_scene
from processes import ROOT, StageProcesses, set_environment

if TYPE_CHECKING:
    from node_counts import NodeCounts
    from unity_frames import UnityFrames

sys.path.insert(0, str(ROOT / "test" / "wire"))

DEADLINE_S = 600.0  # until the processes have started, on a slow machine
QUIET_S = 5.0


class Mode(NamedTuple):
    """A DDS configuration and the node's `image_reliability`."""

    profile: bool
    reliability: str

    def __str__(self) -> str:
        return f"{'shipped profile' if self.profile else 'default DDS'}, {self.reliability}"


MODES = (Mode(True, "reliable"), Mode(True, "best_effort"), Mode(False, "auto"))


class Counts(NamedTuple):
    """Numbers of images sent, received and sent late."""

    sent: int
    received: int
    late: int  # sent more than a period after their time: the fake Unity did not keep its rate


def main() -> int:
    """Run all modes, each in its own process, because DDS reads its environment once."""
    options = _parse()
    if options.mode is not None:
        _measure(MODES[options.mode], options)
        return 0
    width, height = options.size
    print(f"{width} x {height} rgb8 at {options.rate_hz:g} Hz for {options.seconds:g} s, {os.cpu_count()} cores")
    missing = 0
    for index, mode in enumerate(MODES):
        counts = _run_alone(index)
        missing += counts.sent - counts.received
        late = f", {counts.late} of them sent late" if counts.late else ""
        print(
            f"{mode!s:30} {counts.received} of {counts.sent} arrived{late}; load {os.getloadavg()[0]:.1f}", flush=True
        )
    return 1 if missing else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=lambda text: tuple(map(int, text.split("x"))), default=(1024, 1024))
    parser.add_argument("--rate-hz", type=float, default=30.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--mode", type=int, choices=range(len(MODES)), help="one mode, its counts as plain numbers")
    return parser.parse_args()


def _run_alone(index: int) -> Counts:
    command = [sys.executable, *sys.argv, "--mode", str(index)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    return Counts(*map(int, done.stdout.split()))


def _measure(mode: Mode, options: argparse.Namespace) -> None:
    set_environment(mode.profile)
    # Imported late: DDS reads its environment on import.
    from endpoint import Endpoint
    from node_counts import NodeCounts
    from unity_frames import UnityFrames

    with tempfile.TemporaryDirectory() as folder:
        scene = Path(folder) / "scene.npz"
        render_scene(scene, *options.size)
        endpoint = Endpoint(int(os.environ["ROS_DOMAIN_ID"]), Path(folder) / "endpoint.log")
        node = NodeCounts("/perception_node")
        with StageProcesses(("perception",), scene, "-p", f"image_reliability:={mode.reliability}") as stages:
            endpoint.start()
            unity = UnityFrames(endpoint.port, scene)
            try:
                _wait_for_first(unity, node, stages)
                before = node.settled(QUIET_S)
                sent, late = unity.play(options.rate_hz, round(options.rate_hz * options.seconds))
                print(sent, node.settled(QUIET_S) - before, late)
            finally:
                unity.close()
                endpoint.stop()


def _wait_for_first(unity: UnityFrames, node: NodeCounts, stages: StageProcesses) -> None:
    """Send until a first image arrives; the endpoint creates each publisher twice, and images in between are lost."""
    end = time.monotonic() + DEADLINE_S
    while not (unity.send() and node.received(1.0) > 0):
        stages.check()
        if time.monotonic() > end:
            raise SystemExit(f"timed out after {DEADLINE_S:g} s waiting for the first image")


if __name__ == "__main__":
    sys.exit(main())
