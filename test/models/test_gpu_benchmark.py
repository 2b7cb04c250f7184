"""benchmarks/gpu.py, rehearsed on a CPU: its cheapest part, a part that fails, one that hangs; --long: all of it."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import gpu
import pytest

ROOT = Path(__file__).parents[2]


def rehearse(output: Path, *arguments: str) -> tuple[int, dict[str, Any]]:
    command = [sys.executable, str(ROOT / "benchmarks" / "gpu.py"), "--cpu", "--quick", "--output", str(output)]
    done = subprocess.run([*command, "--wheels", str(output / "none"), *arguments], check=False, capture_output=True)
    return done.returncode, json.loads((output / "results.json").read_text(encoding="utf-8"))


def run_script(folder: Path, source: str, limit_s: float) -> gpu.Outcome:
    (folder / "script.py").write_text(source, encoding="utf-8")
    options = argparse.Namespace(cpu=False, quick=True, output=folder)
    return gpu._run(gpu.Part("one", str(folder / "script.py"), limit_s), options, dict(os.environ), 60)


ADD_ROW = """
import sys
with open(sys.argv[sys.argv.index("--rows") + 1], "a") as file: file.write('{"what": "first", "p50_ms": 1.5}\\n')
"""


def test_a_part_gives_numbers_and_the_machine(tmp_path: Path) -> None:
    code, results = rehearse(tmp_path, "--parts", "rendering")
    assert code == 0, results
    (row,) = results["parts"]["rendering"]["rows"]
    assert row["scenes_per_s"] > 0
    assert "rehearsal" in results["machine"]["device"]
    assert "| 64 x 48 on cpu |" in (tmp_path / "results.md").read_text(encoding="utf-8")


def test_a_failing_part_keeps_its_rows_and_its_output(tmp_path: Path) -> None:
    outcome = run_script(tmp_path, ADD_ROW + "raise SystemExit('out of memory')", 30)
    assert outcome.status == "failed with exit code 1"
    assert outcome.rows == [{"what": "first", "p50_ms": 1.5}]
    assert "out of memory" in outcome.output_tail


def test_a_hanging_part_is_ended_at_its_limit(tmp_path: Path) -> None:
    outcome = run_script(tmp_path, ADD_ROW + "import time; time.sleep(60)", 1.5)
    assert outcome.status.startswith("ended at its limit")
    assert outcome.seconds < 20
    assert len(outcome.rows) == 1


def test_a_part_without_results_has_failed(tmp_path: Path) -> None:
    assert run_script(tmp_path, "pass", 30).status == "failed: it gave no result"


def test_a_part_is_left_out_when_time_is_up(tmp_path: Path) -> None:
    options = argparse.Namespace(cpu=True, quick=True, output=tmp_path)
    assert gpu._run(gpu.PARTS[0], options, {}, left_s=1).status == "left out"


@pytest.mark.long
def test_every_part_gives_numbers_in_the_rehearsal(tmp_path: Path) -> None:
    code, results = rehearse(tmp_path, "--minutes", "30")
    assert code == 0, {name: part["status"] for name, part in results["parts"].items()}
    assert set(results["parts"]) == {part.name for part in gpu.PARTS}
    assert all(part["rows"] for part in results["parts"].values())
