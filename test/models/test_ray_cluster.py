"""Evaluation on a Ray cluster of this machine writes the JSON that a serial one writes."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
from bag_files import recording, write_bag
from terminal import unity_depth

TRUE = ("--depth", "truth", "--masks", "truth")


def reports(folder: Path) -> dict[str, bytes]:
    names = ("report.json", "comparison.json", "manifest.json")
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.json") if path.name in names}


@pytest.mark.long
def test_local_ray_writes_the_same_json_as_a_serial_evaluation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("ray", reason="needs the extra [ray]")
    root = str(Path(__file__).parents[2])
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([root, os.environ.get("PYTHONPATH", "")]))
    bags = [write_bag(tmp_path / name, recording(2)) for name in ("one", "two")]
    (tmp_path / "broken.mcap").write_bytes(b"nothing")
    sources = (*bags, tmp_path / "broken.mcap")
    for name, more in (("serial", ()), ("ray", ("--ray", "local"))):
        result = unity_depth("evaluate", *sources, "--output", tmp_path / name, *TRUE, *more)
        assert result.returncode == 1, result.stderr
    assert len(reports(tmp_path / "ray")) == 4
    assert reports(tmp_path / "ray") == reports(tmp_path / "serial")
    runs = json.loads((tmp_path / "ray" / "manifest.json").read_text())["runs"]
    assert [run["state"] for run in runs] == ["done", "done", "failed"]


def test_missing_ray_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    bag = write_bag(tmp_path / "bag", recording(1))
    result = unity_depth("evaluate", bag, "--output", tmp_path / "out", *TRUE, "--ray", "local")
    assert result.returncode == 2
    assert "install the extra [ray]" in " ".join(result.stderr.split())
