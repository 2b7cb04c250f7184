"""Files are written whole or not at all, and a file that cannot be written is named."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from unity_depth_perception.core.files.atomic_file import remove_drafts, replacing, write_file, write_json


def test_file_is_replaced_whole_and_no_draft_is_left(tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    write_json(path, {"a": 1})
    write_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_file_stays_as_it_was_where_writing_fails(tmp_path: Path) -> None:
    path = tmp_path / "f.json"
    write_file(path, b"old")
    with pytest.raises(ValueError, match="Out of range"):
        write_json(path, {"a": float("nan")})

    def fail() -> None:
        with replacing(path) as file:
            file.write(b"half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_full_disk_names_the_file_and_keeps_the_old_one(tmp_path: Path) -> None:
    """A limit on the size of files stands in for the disk."""
    path = tmp_path / "f.bin"
    write_file(path, b"old")
    code = (
        "import resource, sys, pathlib; resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))\n"
        "from unity_depth_perception.core.files.atomic_file import write_file\n"
        "try: write_file(pathlib.Path(sys.argv[1]), bytes(5000))\n"
        "except OSError as error: print(error.filename)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == str(path)
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_missing_folder_names_the_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as error:
        write_file(tmp_path / "no" / "f", b"")
    assert error.value.filename == str(tmp_path / "no" / "f")


def test_drafts_of_killed_processes_are_removed(tmp_path: Path) -> None:
    (tmp_path / ".f.json.7.partial").write_text("half")
    (tmp_path / "mine.partial").write_text("mine")
    remove_drafts(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.partial"]
