"""All exceptions that this package raises on purpose.

    PerceptionError
    ├── InputError           an input from the caller cannot be used (also a ValueError)
    │   ├── CameraError      intrinsics: missing, impossible, or of another image
    │   ├── ImageError       a frame: encoding, size, step, missing bytes
    │   ├── PoseError        a camera's pose that contradicts its image
    │   └── DatasetError     a dataset folder: missing or mismatched files
    ├── ModelError           unknown model name; weights missing, corrupt or of another network
    ├── ConfigurationError   a parameter: unknown, of the wrong type, out of range
    └── JobCancelledError    a job that nobody waits for any more

Each message says what was expected, what came and what to do. They are caught once, in the adapter that can
tell the user: a node's callback, the command line, the web page.
"""

import reprlib
from typing import Any

_LINE = 1000  # characters of a line of a message
_SHOWN = reprlib.Repr()
_SHOWN.maxstring = _SHOWN.maxother = _SHOWN.maxlong = 60
_SHOWN.maxlevel = 3


def shown(value: Any) -> str:
    """A value as messages show it: its repr, shortened."""
    return _SHOWN.repr(value)


def shortened(text: str) -> str:
    """A message of which each line is shortened, as names in hostile files may have any length."""
    return "\n".join(line if len(line) <= _LINE else f"{line[:_LINE]}..." for line in text.splitlines())


class PerceptionError(Exception):
    """Base of every error raised on purpose."""


class InputError(PerceptionError, ValueError):
    """An input from the caller cannot be used."""


class CameraError(InputError):
    """Intrinsics are missing, impossible, or belong to another image."""


class ImageError(InputError):
    """A frame cannot be read."""


class PoseError(InputError):
    """A camera's pose contradicts its image."""


class DatasetError(InputError):
    """A dataset folder is incomplete or inconsistent."""


class ModelError(PerceptionError):
    """A model is unknown, or its weights cannot be used."""


class ConfigurationError(PerceptionError):
    """A parameter is unknown, of the wrong type or out of range."""


class JobCancelledError(PerceptionError):
    """A job ends early because whoever started it wants it no more."""
