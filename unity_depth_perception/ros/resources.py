"""Paths of the package's launch and configuration files: in the source tree, or in the install space."""

from __future__ import annotations

import contextlib
from pathlib import Path

from ament_index_python.packages import PackageNotFoundError, get_package_share_directory

from unity_depth_perception.core.errors import ConfigurationError

_PACKAGE = "unity_depth_perception"
_SOURCE_ROOT = Path(__file__).parents[2]


def share_file(relative: str) -> Path:
    """The path of a shipped file such as `config/perception.yaml`; the source tree takes precedence.

    Raises:
        ConfigurationError: the file is in neither place.
    """
    roots = [_SOURCE_ROOT]
    with contextlib.suppress(PackageNotFoundError, OSError):  # OSError: AMENT_PREFIX_PATH is not set
        roots.append(Path(get_package_share_directory(_PACKAGE)))
    for root in roots:
        if (root / relative).is_file():
            return root / relative
    places = ", ".join(str(root) for root in roots)
    raise ConfigurationError(f"expected {relative} in one of {places}; build and source the package, or run make setup")
