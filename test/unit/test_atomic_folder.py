"""Folders that are written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from unity_depth_perception.core.files.atomic_file import remove_drafts, replacing_folder


def test_folder_appears_whole_and_replaces_an_earlier_one(tmp_path: Path) -> None:
    for content in ("old", "new"):
        with replacing_folder(tmp_path / "model") as draft:
            (draft / content).write_text(content)
            assert not (tmp_path / "model" / content).exists()
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["new"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_interruption_keeps_the_earlier_folder(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "old").touch()

    def write_half() -> None:
        with replacing_folder(tmp_path / "model") as draft:
            (draft / "new").touch()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_half()
    assert [path.name for path in tmp_path.rglob("*")] == ["model", "old"]


def test_file_is_not_replaced_by_a_folder(tmp_path: Path) -> None:
    (tmp_path / "model").write_text("mine")
    with pytest.raises(OSError, match="model"), replacing_folder(tmp_path / "model"):
        pass
    assert (tmp_path / "model").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 1


def test_drafts_of_killed_processes_are_removed_folders_too(tmp_path: Path) -> None:
    (tmp_path / ".model.1.partial" / "sparse").mkdir(parents=True)
    (tmp_path / ".scene.ply.1.partial").touch()
    remove_drafts(tmp_path)
    assert list(tmp_path.iterdir()) == []
