"""Paths that a dataset's files name: only regular files inside the dataset's folder are ever opened."""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from unity_depth_perception.core.errors import DatasetError, shown

_MOST_FILES = 1_000_000  # that a search by name looks at


def inside(root: Path, name: str) -> Path:
    """Path of a file below `root`; it need not exist.

    Raises:
        DatasetError: the name leads out of the folder, also by a link, or is no name of a regular file.
    """
    try:
        path = root / name
        resolved = path.resolve()
        is_inside = resolved.is_relative_to(root.resolve())
        is_special = resolved.exists() and not resolved.is_file() and not resolved.is_dir()
    except (OSError, ValueError, RuntimeError):  # NUL, a lone surrogate, a name that is too long, links in a circle
        raise DatasetError(f"expected the name of a file in {root}, got {shown(name)}") from None
    if not is_inside:
        raise DatasetError(f"expected a file in {root}, but {shown(name)} leads out of this folder")
    if is_special:
        raise DatasetError(f"expected a regular file, but {shown(name)} is a device or a pipe")
    return path


class ImageFinder:
    """Finds images by the names that an annotation tool wrote, perhaps on another machine."""

    def __init__(self, root: Path, search_below: bool) -> None:
        """`search_below`: whether an image may also be found by its bare name, anywhere below the folder."""
        self.root = root
        self._search_below = search_below
        self._by_name: dict[str, list[Path]] | None = None

    def find(self, name: str) -> Path:
        """Path of an image: by its whole name, or where that is of another machine, by its last part.

        Backslashes are read as slashes; a URL or a quoted name is unquoted.

        Raises:
            DatasetError: see `inside`; or there are several images of that name.
        """
        candidates = list(dict.fromkeys(_spellings(name)))
        for spelling in candidates:
            if not _is_foreign(spelling) and (path := inside(self.root, spelling)).is_file():
                return path
        bare = list(dict.fromkeys(PurePosixPath(spelling).name for spelling in candidates))
        if _is_foreign(candidates[0]) or self._search_below:
            for last in bare:
                if last and (path := inside(self.root, last)).is_file():
                    return path
        for last in bare if self._search_below else ():
            found = self._below().get(last, [])
            if len(found) > 1:
                raise DatasetError(f"{name}: there are several images of this name: {found[0]}, {found[1]}")
            if found:
                return inside(self.root, str(found[0].relative_to(self.root)))
        return inside(self.root, bare[0] if _is_foreign(candidates[0]) else candidates[0])

    def _below(self) -> dict[str, list[Path]]:
        if self._by_name is None:
            self._by_name = defaultdict(list)
            count = 0
            for folder, _, files in os.walk(self.root):
                for file in files:
                    self._by_name[file].append(Path(folder) / file)
                count += len(files)
                if count > _MOST_FILES:
                    break
        return self._by_name


def _spellings(name: str) -> list[str]:
    slashed = name.replace("\\", "/")
    address = urlsplit(slashed) if "://" in slashed else None
    path = slashed if address is None else address.path.lstrip("/")
    query = slashed.rpartition("?d=")[2] if "?d=" in slashed else path  # files that Label Studio serves locally
    return [slashed, unquote(slashed), path, unquote(path), unquote(query)]


def _is_foreign(name: str) -> bool:
    """Whether a name is an absolute path or an address."""
    return name.startswith(("/", "~")) or "://" in name or name[1:3] == ":/"
