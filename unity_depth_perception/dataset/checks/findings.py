"""Findings of a check as lines: those of one kind become one, with their number and the first example."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from unity_depth_perception.core.errors import DatasetError, shortened

_SHOWN = 10
_VARYING = (  # what differs between findings of one kind: names of files, values, numbers
    re.compile(r"'[^']*'|\"[^\"]*\"|\[[^\]]*\]|\([^)]*\)"),
    re.compile(r"[^\s:;,]*[/\\][^\s:;,]*"),
    re.compile(r"[^\s:;,]+\.(?:png|jpe?g|webp|bmp|npy|exr)\b", re.IGNORECASE),
    re.compile(r"-?\d[\d.e+-]*"),
)


def group(findings: Iterable[str]) -> list[str]:
    """One line for each kind of finding, in order of their first examples."""
    first: dict[str, str] = {}
    counts: Counter[str] = Counter()
    for finding in findings:
        kind = _kind(finding)
        first.setdefault(kind, finding)
        counts[kind] += 1
    more = {kind: f" (and {count - 1} more like this)" if count > 1 else "" for kind, count in counts.items()}
    return [shortened(text) + more[kind] for kind, text in first.items()]


def _kind(finding: str) -> str:
    for pattern in _VARYING:
        finding = pattern.sub("*", finding)
    return finding


def raise_if_problems(source: str, problems: Sequence[str]) -> None:
    """Raise one DatasetError that lists the problems, one line for each kind, if there are any."""
    if not problems:
        return
    kinds = group(problems)
    shown = "".join(f"\n  - {problem}" for problem in kinds[:_SHOWN])
    more = f"\n  ... and {len(kinds) - _SHOWN} more kinds" if len(kinds) > _SHOWN else ""
    raise DatasetError(f"{source}: {len(problems)} problem{'s' if len(problems) > 1 else ''}:{shown}{more}")


def duplicates(values: Iterable[Any]) -> list[Any]:
    """Values that occur more than once, sorted, numbers before strings."""
    return sorted((v for v, count in Counter(values).items() if count > 1), key=lambda v: (isinstance(v, str), v))
