"""Output folders: what this package did not write is never touched, and one process writes at a time."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from unity_depth_perception.core.errors import ConfigurationError
from unity_depth_perception.core.files.output_folder import (
    MARKER,
    claimed_names,
    is_empty_folder,
    output_folder,
    require_apart,
)


def test_folder_is_made_and_marked_with_the_claimed_names(tmp_path: Path) -> None:
    with output_folder(tmp_path / "a" / "b", ["x.json", "data"]) as path:
        (path / "x.json").write_text("1")
    assert claimed_names(path) == ["data", "x.json"]
    assert json.loads((path / MARKER).read_text())["package"] == "unity_depth_perception"


def test_claimed_name_may_be_replaced_by_a_later_call_unless_that_is_refused(tmp_path: Path) -> None:
    with output_folder(tmp_path, ["x.json"]):
        (tmp_path / "x.json").write_text("1")
    with output_folder(tmp_path, ["x.json", "y.json"]):
        pass
    with pytest.raises(ConfigurationError, match=r"x\.json: exists already; .*--overwrite"):
        output_folder(tmp_path, ["x.json"], replace=False).__enter__()


@pytest.mark.parametrize("marker", [None, "", "[]", '{"names": 3}', '{"names": [7]}'])
def test_name_of_somebody_else_is_refused_and_kept(tmp_path: Path, marker: str | None) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "thesis.txt").write_text("precious")
    if marker is not None:
        (tmp_path / MARKER).write_text(marker)
    with pytest.raises(ConfigurationError, match="data: exists already and was not written by this package"):
        output_folder(tmp_path, ["data"]).__enter__()
    assert (tmp_path / "data" / "thesis.txt").read_text() == "precious"
    with output_folder(tmp_path, ["other"]):
        pass


def test_file_of_an_earlier_version_is_recognised(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("old")
    with output_folder(tmp_path, ["x.json"], known=lambda path: path.read_text() == "old"):
        pass
    assert claimed_names(tmp_path) == ["x.json"]


def test_drafts_of_a_killed_process_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".x.json.123.partial").write_text("half")
    with output_folder(tmp_path, ["x.json"]):
        assert [path.name for path in tmp_path.iterdir()] == [MARKER]


def test_folder_with_nothing_but_drafts_is_empty(tmp_path: Path) -> None:
    (tmp_path / ".report.json.12.partial").touch()
    assert is_empty_folder(tmp_path)
    (tmp_path / "report.json").touch()
    assert not is_empty_folder(tmp_path)
    assert not is_empty_folder(tmp_path / "report.json")


def test_second_process_is_refused_until_the_first_one_has_ended(tmp_path: Path) -> None:
    code = (
        "import sys, pathlib; from unity_depth_perception.core.files.output_folder import output_folder\n"
        "with output_folder(pathlib.Path(sys.argv[1]), ['x']): print('held', flush=True); sys.stdin.read()"
    )
    holder = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    try:
        with pytest.raises(ConfigurationError, match="another process is writing to this folder"):
            output_folder(tmp_path, ["x"]).__enter__()
    finally:
        holder.kill()
        holder.wait()
    with output_folder(tmp_path, ["x"]):
        pass


def test_output_and_dataset_must_be_apart(tmp_path: Path) -> None:
    data = tmp_path / "set" / "data"
    data.mkdir(parents=True)
    for output in (data, data / "run", tmp_path / "set", tmp_path):
        with pytest.raises(ConfigurationError, match="expected a folder apart from the dataset"):
            require_apart(output, data)
    require_apart(tmp_path / "set" / "run", data)
    link = tmp_path / "link"
    link.symlink_to(data)
    with pytest.raises(ConfigurationError, match="apart"):
        require_apart(link / "run", data)


def test_output_beside_a_coco_file_is_allowed(tmp_path: Path) -> None:
    file = tmp_path / "instances.json"
    file.write_text("{}")
    require_apart(tmp_path / "run", file)
    with pytest.raises(ConfigurationError, match="apart"):
        require_apart(tmp_path, file)


@pytest.mark.parametrize("name", ["a\0b", "file/x"])
def test_folder_that_cannot_be_made_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigurationError, match=r"cannot make the folder|expected the name of a folder"):
        output_folder(tmp_path / name, []).__enter__()
