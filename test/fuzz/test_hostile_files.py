"""Hostile files are read or refused in one sentence: no crash, no file outside the folder, little memory."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
_MAX_GROWTH_MB = 1024


@pytest.mark.parametrize("count", [330, pytest.param(5000, marks=pytest.mark.long)])
def test_hostile_files_are_read_or_refused(tmp_path: Path, count: int) -> None:
    paths = os.pathsep.join(map(str, (HERE, ROOT / "test" / "unit", ROOT)))
    environment = {**os.environ, "PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "PYTHONFAULTHANDLER": "1"}
    command = [sys.executable, "-W", "ignore", str(HERE / "read_files.py"), str(tmp_path / "files"), "0", str(count)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=900)
    lines = done.stdout.splitlines()
    assert done.returncode == 0, f"ended with {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-3000:]}"
    assert lines[:-1] == [], "\n".join(lines[:3])
    word, number, growth_mb = lines[-1].split()
    assert (word, int(number)) == ("done", count)
    assert int(growth_mb) < _MAX_GROWTH_MB
