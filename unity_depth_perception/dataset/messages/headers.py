"""Headers of messages."""

from __future__ import annotations

from typing import Any


def stamp_ns_of(header: Any) -> int:
    """The stamp of a header [ns]."""
    return int(header.stamp.sec) * 1_000_000_000 + int(header.stamp.nanosec)
