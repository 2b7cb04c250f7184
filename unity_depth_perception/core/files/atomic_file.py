"""Files and folders that are written whole or not at all: a draft beside them takes their place when it is complete."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

DRAFTS = ".*.partial"
"""Pattern of the names of drafts, which a killed process leaves behind."""
_NAME_LENGTH = 60  # of a draft's name: the file's own may be as long as the file system allows


@contextlib.contextmanager
def replacing(path: Path, *, durable: bool = True) -> Iterator[BinaryIO]:
    """Open a draft for writing that replaces `path` when the block ends without an exception.

    Args:
        durable: whether the content must survive a power failure, as the state of a training must.

    Raises:
        OSError: the file cannot be written; it names `path`, also where the disk is full.
    """
    draft = _draft(path)
    try:
        with draft.open("wb") as file:
            yield file
            if durable:
                file.flush()
                os.fsync(file.fileno())
        draft.replace(path)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from None
    finally:
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """Make a draft folder that replaces the folder `path` when the block ends without an exception.

    Raises:
        OSError: it cannot be made, or `path` is a file.
    """
    draft = _draft(path)
    earlier = draft.with_name(f".old{draft.name}")
    shutil.rmtree(draft, ignore_errors=True)
    try:
        draft.mkdir()
        yield draft
        if path.is_dir():
            path.replace(earlier)  # a folder cannot replace one that is not empty
        draft.replace(path)
    finally:
        for left in (draft, earlier):
            shutil.rmtree(left, ignore_errors=True)


def _draft(path: Path) -> Path:
    return path.with_name(f".{path.name[:_NAME_LENGTH]}.{os.getpid()}.partial")


def write_file(path: Path, content: bytes, *, durable: bool = True) -> None:
    """Write a file whole or not at all; raises as `replacing`."""
    with replacing(path, durable=durable) as file:
        file.write(content)


def write_json(path: Path, content: Any, *, indent: int = 1) -> None:
    """Write a JSON file whole or not at all; NaN and infinity are refused with ValueError."""
    write_file(path, (json.dumps(content, indent=indent, allow_nan=False) + "\n").encode())


def remove_drafts(folder: Path) -> None:
    """Remove what a killed process left half written; for a folder that this process has locked."""
    for draft in folder.glob(DRAFTS):
        if draft.is_dir():
            shutil.rmtree(draft, ignore_errors=True)
        with contextlib.suppress(OSError):
            draft.unlink(missing_ok=True)
