"""Everything that needs a GPU, measured in one go: `python benchmarks/gpu.py [--cpu --quick]`, or `make gpu`.

It runs from a plain copy of the sources, without a network and without ROS. What is missing is installed first from
build/gpu_wheels (benchmarks/gpu_wheels.py). Each part is a process with a time limit of its own; one that fails, hangs
or crashes leaves its results so far and does not hinder the others. Parts are ordered by importance; the time that one
leaves is that of the next ones. results.json and results.md are written anew after each part.
docs/performance.md says what the columns mean.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gpu_report import write_report

_ROOT = Path(__file__).resolve().parents[1]
_PARTS = _ROOT / "benchmarks" / "gpu_parts"
_LEAST_S = 15  # with less time left, a part is not started
_CPU_FACTOR = 4  # of the parts' limits on a CPU, which may be busy; that of all parts together stays


@dataclass(frozen=True)
class Part:
    """A part: its name, its script, the model that it measures, and the most time [s] that it may take."""

    name: str
    script: str
    limit_s: float
    model: str = ""


PARTS = (
    Part("depth da3metric-large", "depth.py", 75, "da3metric-large"),
    Part("pipeline", "pipeline.py", 100),
    Part("depth da3-small", "depth.py", 45, "da3-small"),
    Part("tests", "marked_tests.py", 60),
    Part("depth nested", "depth.py", 80, "da3nested-giant-large-1.1"),
    Part("training", "training.py", 90),
    Part("rendering", "rendering.py", 40),
    Part("operations", "hot_kernels.py", 45),
    Part("depth da3-large-1.1", "depth.py", 50, "da3-large-1.1"),
    Part("depth V2 small", "depth.py", 40, "da2-metric-indoor-small"),
    Part("depth V2 large", "depth.py", 50, "da2-metric-indoor-large"),
    Part("depth da3metric-large compiled", "depth.py", 120, "da3metric-large+compile"),
    Part("depth da3-small compiled", "depth.py", 90, "da3-small+compile"),
)


@dataclass
class Outcome:
    """What became of a part."""

    status: str
    seconds: float = 0.0
    rows: list[dict[str, Any]] = field(default_factory=list)
    output_tail: str = ""


def main() -> int:
    """Run the parts; return 0 if each one that was started succeeded."""
    options = _options()
    end_s = time.monotonic() + 60 * options.minutes
    output: Path = options.output
    output.mkdir(parents=True, exist_ok=True)
    environment = _environment(options)
    if error := _install(options.wheels, environment):
        print(error, file=sys.stderr)
        return 2
    outcomes: dict[str, Outcome] = {}
    machine = _machine(environment)
    for part in PARTS:
        if options.parts and part.name not in options.parts:
            continue
        outcomes[part.name] = _run(part, options, environment, end_s - time.monotonic())
        write_report(output, machine, {name: vars(outcome) for name, outcome in outcomes.items()})
        print(f"{part.name}: {outcomes[part.name].status}, {outcomes[part.name].seconds:.0f} s", flush=True)
    print((output / "results.md").read_text(encoding="utf-8"))
    return 0 if outcomes and all(each.status in ("ok", "left out") for each in outcomes.values()) else 1


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--cpu", action="store_true", help="measure the CPU: a rehearsal")
    parser.add_argument("--quick", action="store_true", help="reduced networks, small images, few repetitions")
    parser.add_argument("--minutes", type=float, default=8, help="for all parts together")
    parser.add_argument("--parts", nargs="*", metavar="NAME", help=f"of: {', '.join(part.name for part in PARTS)}")
    parser.add_argument("--output", type=Path, default=_ROOT / "build" / "gpu")
    parser.add_argument("--wheels", type=Path, default=_ROOT / "build" / "gpu_wheels")
    options = parser.parse_args()
    if unknown := set(options.parts or ()) - {part.name for part in PARTS}:
        parser.error(f"--parts: expected names of parts, got {', '.join(sorted(unknown))}")
    return options


def _environment(options: argparse.Namespace) -> dict[str, str]:
    """Environment of the parts: the sources and the installed wheels on the path, no network."""
    path = [str(_ROOT), str(options.output.resolve() / "site"), os.environ.get("PYTHONPATH", "")]
    offline = {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1"}
    hidden = {"CUDA_VISIBLE_DEVICES": ""} if options.cpu else {}
    return {
        **os.environ,
        **offline,
        **hidden,
        "PYTHONPATH": os.pathsep.join(filter(None, path)),
        "PYTHONWARNINGS": "ignore",
    }


def _install(wheels: Path, environment: dict[str, str]) -> str:
    """Install the wheels of the packages that are missing into the output folder's site; return what went wrong."""
    files = [path for path in sorted(wheels.glob("*.whl")) if not _is_installed(path, environment)]
    if not files:
        return ""
    target = environment["PYTHONPATH"].split(os.pathsep)[1]
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "-q",
        "--no-index",
        "--no-deps",
        "--no-compile",
        "--target",
        target,
    ]
    done = subprocess.run([*command, *map(str, files)], capture_output=True, text=True, check=False)
    return "" if done.returncode == 0 else f"cannot install the wheels of {wheels}: {done.stderr[-2000:]}"


def _is_installed(wheel: Path, environment: dict[str, str]) -> bool:
    name = wheel.name.partition("-")[0]
    code = f"import importlib.metadata as m; m.distribution({name!r})"
    return (
        subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=False).returncode == 0
    )


def _machine(environment: dict[str, str]) -> dict[str, str]:
    """Card, driver, clocks and versions."""
    done = subprocess.run(
        [sys.executable, str(_PARTS / "machine.py")], env=environment, capture_output=True, text=True, check=False
    )
    try:
        found: dict[str, str] = json.loads(done.stdout.splitlines()[-1])
    except (IndexError, ValueError):
        return {"error": f"machine.py failed: {done.stderr[-500:]}"}
    return found


def _run(part: Part, options: argparse.Namespace, environment: dict[str, str], left_s: float) -> Outcome:
    """Run a part in a process of its own, within its limit and within what is left of all."""
    if left_s < _LEAST_S:
        return Outcome("left out")
    limit_s = min(part.limit_s * (_CPU_FACTOR if options.cpu else 1), left_s)
    rows = options.output / f"{part.name.replace(' ', '_')}.jsonl"
    rows.unlink(missing_ok=True)
    command = [sys.executable, str(_PARTS / part.script), "--rows", str(rows), "--model", part.model]
    command += ["--device", "cpu"] if options.cpu else []
    command += ["--quick"] if options.quick else []
    start_s = time.monotonic()
    log = options.output / f"{part.name.replace(' ', '_')}.log"
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            command, cwd=_ROOT, env=environment, stdout=file, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            code = process.wait(limit_s)
            status = "ok" if code == 0 else f"failed with exit code {code}"
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)  # with the renderers and compilers that it has started
            process.wait()
            status = f"ended at its limit of {limit_s:.0f} s"
    found = [json.loads(line) for line in rows.read_text(encoding="utf-8").splitlines()] if rows.exists() else []
    if status == "ok" and not found:
        status = "failed: it gave no result"
    tail = "" if status == "ok" else log.read_text(encoding="utf-8", errors="replace")[-1500:]
    return Outcome(status, time.monotonic() - start_s, found, tail)


if __name__ == "__main__":
    sys.exit(main())
