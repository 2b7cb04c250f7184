"""Output folders: marked with the names that this package wrote there, and locked while a command writes.

`.unity_depth_perception.json` lists the names (files and folders) that commands have claimed. Only these are ever
replaced or removed; a file of somebody else that has one of these names is never touched.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

from unity_depth_perception.core.errors import ConfigurationError, shown
from unity_depth_perception.core.files.atomic_file import DRAFTS, remove_drafts, write_json
from unity_depth_perception.core.files.json_file import read_json_object

MARKER = ".unity_depth_perception.json"
_NO_LOCKS = (errno.EBADF, errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.EINVAL)  # some network file systems

Known = Callable[[Path], bool]
"""Whether a path (file or folder) was written by an earlier version of this package, which left no marker."""


@contextlib.contextmanager
def output_folder(
    path: Path, names: Collection[str], known: Known = lambda path: False, replace: bool = True
) -> Iterator[Path]:
    """Make, lock and mark a folder, in which the block may write `names`; drafts of killed processes are removed.

    Args:
        names: names of files and folders directly in `path`.
        known: recognises what an earlier version wrote.
        replace: whether names that were claimed by an earlier call may be replaced; if not, they are refused.

    Raises:
        ConfigurationError: another process writes there, or one of the names is there and may not be replaced, or the
            folder cannot be made.
    """
    make_folder(path)
    with locked_folder(path):
        own = set(claimed_names(path))
        for name in names:
            taken = path / name
            if not os.path.lexists(taken) or is_empty_folder(taken):
                continue
            if not (name in own or known(taken)):
                raise ConfigurationError(
                    f"{taken}: exists already and was not written by this package; choose another folder"
                )
            if not replace:
                raise ConfigurationError(
                    f"{taken}: exists already; choose another folder, or overwrite it (--overwrite)"
                )
        remove_drafts(path)
        if not own.issuperset(names):
            _write_marker(path, {"names": sorted(own | set(names))})
        yield path


def is_empty_folder(path: Path) -> bool:
    """Whether a path is a folder in which nothing is but drafts of killed processes."""
    return path.is_dir() and not any(set(path.iterdir()) - set(path.glob(DRAFTS)))


def claimed_names(path: Path) -> list[str]:
    """Names in a folder that commands of this package have claimed; none without a marker, or with a damaged one."""
    names = read_marker(path).get("names", [])
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def read_marker(path: Path) -> dict[str, Any]:
    """Content of a folder's marker; empty without one, or with a damaged one."""
    try:
        return read_json_object(path / MARKER, "the marker of an output folder", ConfigurationError)
    except ConfigurationError:
        return {}


def update_marker(path: Path, **values: Any) -> None:
    """Change values of a folder's marker."""
    _write_marker(path, {**read_marker(path), **values})


def _write_marker(path: Path, values: dict[str, Any]) -> None:
    write_json(path / MARKER, {**read_marker(path), "package": "unity_depth_perception", **values})


@contextlib.contextmanager
def locked_folder(path: Path, wait: bool = False) -> Iterator[None]:
    """Hold the lock of a folder, which the system releases however the process ends.

    Args:
        wait: until another process has released it, instead of raising.

    Raises:
        ConfigurationError: another process holds it.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConfigurationError(
                f"{path}: another process is writing to this folder; wait for it, or choose another folder"
            ) from None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        yield
    finally:
        os.close(descriptor)


def make_folder(path: Path) -> Path:
    """Make a folder for output and return its path; called before long computations, so that a bad path fails early.

    Raises:
        ConfigurationError: it cannot be made, or nothing can be written in it.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
        writable = os.access(path, os.W_OK | os.X_OK)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot make the folder: {error.strerror}; choose another") from None
    except ValueError as error:  # NUL or a lone surrogate in the name
        raise ConfigurationError(f"expected the name of a folder, got {shown(str(path))}: {error}") from None
    if not writable:
        raise ConfigurationError(f"{path}: cannot write in this folder: permission denied; choose another")
    return path


def require_apart(output: Path, dataset: Path, option: str = "--output") -> None:
    """Raise ConfigurationError where an output folder is the dataset's folder, or one is inside the other."""
    written, read = output.absolute().resolve(), dataset.absolute().resolve()
    if dataset.is_file():  # a COCO file may lie beside the folders of its trainings
        is_apart = written != read.parent
    else:
        is_apart = not (written == read or read in written.parents or written in read.parents)
    if not is_apart:
        raise ConfigurationError(
            f"{option} {output}: expected a folder apart from the dataset {dataset}, got one that contains it or lies "
            "in it; choose another folder"
        )
