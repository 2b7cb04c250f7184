"""Guarded reading of JSON files that other programs wrote: encoding, size, nesting, numbers.

UTF-8 with or without a byte order mark, UTF-16 and UTF-32 are read. A whole number of more than 300 digits becomes
infinity, as 1e400 does, so that the check of its value refuses it.
"""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path
from typing import Any

from unity_depth_perception.core.errors import InputError, PerceptionError

_MAX_BYTES = 1 << 29  # the largest annotations of COCO have 450 MB
_MAX_DIGITS = 300  # float64 ends at 1e308
_DECIMAL_COMMA = re.compile(r'":\s*-?\d+,\d+\s*(?=[,}\r\n])')


def read_json(path: Path, what: str, error: type[PerceptionError] = InputError) -> Any:
    """Parse a JSON file.

    Args:
        path: of a regular file.
        what: what the file should hold, for messages.
        error: class of the exception.

    Raises:
        PerceptionError: of the class `error`; the file is missing, unreadable, too large, or not JSON.
    """
    text = _text(read_regular_file(path, what, _MAX_BYTES, error), f"{path}: cannot read {what}", error)
    if not text.strip("\0 \t\r\n"):
        raise error(f"{path}: expected {what} as JSON, got an empty file")
    try:
        return json.loads(text, parse_int=_whole_number)
    except RecursionError:
        raise error(f"{path}: expected {what} as JSON, got lists or objects that are nested too deeply") from None
    except ValueError as cause:
        raise error(f"{path}: expected {what} as JSON: {_reason(text, cause)}") from None


def read_json_object(path: Path, what: str, error: type[PerceptionError] = InputError) -> dict[str, Any]:
    """Parse a JSON file that must hold one object; raises as `read_json`."""
    data = read_json(path, what, error)
    if not isinstance(data, dict):
        raise error(f"{path}: expected a JSON object with {what}, got {type(data).__name__}")
    return data


def read_regular_file(path: Path, what: str, max_bytes: int, error: type[PerceptionError] = InputError) -> bytes:
    """Bytes of a regular file; never of a device or a pipe, which may have no end.

    Raises:
        PerceptionError: of the class `error`; the file is missing, unreadable, not a regular one, or too large.
    """
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            kind = "folder" if stat.S_ISDIR(status.st_mode) else "device or pipe"
            raise error(f"{path}: expected {what}, got a {kind}")
        if status.st_size > max_bytes:
            raise error(f"{path}: expected {what} of at most {max_bytes >> 20} MiB, got {status.st_size >> 20} MiB")
        return path.read_bytes()
    except FileNotFoundError:
        raise error(f"{path}: cannot read {what}: there is no such file") from None
    except OSError as cause:
        raise error(f"{path}: cannot read {what}: {cause.strerror or cause}") from None
    except ValueError as cause:  # NUL or a lone surrogate in the name
        raise error(f"{str(path)!r}: expected the name of a file: {cause}") from None


def _text(data: bytes, failed: str, error: type[PerceptionError]) -> str:
    encoding = json.detect_encoding(data)
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as cause:
        raise error(f"{failed}: expected UTF-8, but byte {cause.start} is not {encoding}: {cause.reason}") from None


def _whole_number(digits: str) -> int | float:
    return int(digits) if len(digits) <= _MAX_DIGITS else float(digits)


def _reason(text: str, cause: ValueError) -> str:
    comma = _DECIMAL_COMMA.search(text)
    if comma is None:
        return str(cause)
    number = comma[0].lstrip('": \t')
    return (
        f"its numbers have a decimal comma ({number.strip()}); write them with a point, in C# with "
        "value.ToString(CultureInfo.InvariantCulture)"
    )
