"""Measures of report.json as tables for people, whatever measures there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from unity_depth_perception.evaluation.report.definitions import MEASURES, label, shown


class Table(NamedTuple):
    """A table of text; the first cell of each row names the row."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def measure_tables(title: str, values: Mapping[str, Any], name: str = "") -> Iterator[Table]:
    """One table of the plain values, one of each group of values, one of each list of groups.

    Args:
        name: the values' key; its unit is that of values without one of their own.
    """
    plain = {key: value for key, value in values.items() if not isinstance(value, Mapping | list)}
    if plain:
        yield Table(
            title,
            ("Measure", "Value"),
            tuple((label(key), shown(key if key in MEASURES else name, one)) for key, one in plain.items()),
        )
    for key, value in values.items():
        heading = f"{title}: {label(key).replace('_', ' ')}"
        if isinstance(value, list):
            yield from _matrix(heading, {str(k + 1): one for k, one in enumerate(value)})
        elif isinstance(value, Mapping):
            groups = {name: one for name, one in value.items() if isinstance(one, Mapping)}
            yield from _matrix(heading, groups)
            yield from measure_tables(heading, {name: one for name, one in value.items() if name not in groups}, key)


def _matrix(title: str, groups: Mapping[str, Any]) -> Iterator[Table]:
    """A row for each group, a column for each plain measure."""
    flat = {name: one if isinstance(one, Mapping) else {"value": one} for name, one in groups.items()}
    columns = _columns(list(flat.values()))
    if columns:
        rows = (
            (name.replace("_", " "), *(shown(column, one.get(column)) for column in columns))
            for name, one in flat.items()
        )
        yield Table(title, ("", *map(label, columns)), tuple(rows))


def _columns(groups: Sequence[Mapping[str, Any]]) -> list[str]:
    plain = (name for one in groups for name, value in one.items() if not isinstance(value, Mapping | list))
    return list(dict.fromkeys(plain))
