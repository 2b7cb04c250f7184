"""Measures of report.json as tables for people, whatever measures there are."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from unity_depth_perception.evaluation.report.definitions import MEASURES, label, shown

Path = tuple[str, ...]
"""Keys from the outside to a value."""


class Table(NamedTuple):
    """A table of text; the first cell of each row names the row."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def measure_tables(title: str, values: Mapping[str, Any], path: Path = ()) -> Iterator[Table]:
    """One table of the plain values; groups of the same measures, and lists of groups, as the rows of one table.

    Args:
        path: keys that lead to `values`; a value without a unit of its own has that of the nearest of them.
    """
    plain = {name: value for name, value in values.items() if not isinstance(value, Mapping | list)}
    groups = {name: value for name, value in values.items() if isinstance(value, Mapping)}
    if plain:
        rows = ((_label((name,)), _shown((*path, name), value)) for name, value in plain.items())
        yield Table(title, ("Measure", "Value"), tuple(rows))
    if len(groups) > 1 and len({frozenset(group) for group in groups.values()}) == 1:
        yield from _matrix(title, groups, path)
    else:
        for name, group in groups.items():
            yield from measure_tables(f"{title}: {_label((name,))}", group, (*path, name))
    for name, value in values.items():
        if isinstance(value, list):
            yield from _matrix(f"{title}: {_label((name,))}", _named(value), (*path, name))


def _named(entries: Sequence[Any]) -> dict[str, Mapping[str, Any]]:
    """Groups of a list by name: their range of distance, else their number."""
    named: dict[str, Mapping[str, Any]] = {}
    for number, entry in enumerate(entries, start=1):
        group = dict(entry) if isinstance(entry, Mapping) else {"value": entry}
        name = str(number)
        if {"from_m", "to_m"} <= group.keys():
            near, far = group.pop("from_m"), group.pop("to_m")
            name = f"{near:g} m and more" if far is None else f"{near:g} to {far:g} m"
        named[name] = group
    return named


def _matrix(title: str, groups: Mapping[str, Mapping[str, Any]], path: Path) -> Iterator[Table]:
    """A row for each group, a column for each of its values."""
    rows = {name: dict(_flat(group)) for name, group in groups.items()}
    columns = list(dict.fromkeys(column for row in rows.values() for column in row))
    if columns:
        cells = (
            (_label((name,)), *(_shown((*path, name, *column), row.get(column)) for column in columns))
            for name, row in rows.items()
        )
        yield Table(title, ("", *map(_label, columns)), tuple(cells))


def _flat(group: Mapping[str, Any], path: Path = ()) -> Iterator[tuple[Path, Any]]:
    for name, value in group.items():
        if isinstance(value, Mapping):
            yield from _flat(value, (*path, name))
        elif not isinstance(value, list):
            yield (*path, name), value


def _label(path: Path) -> str:
    return ", ".join(label(name) if name in MEASURES else name.replace("_", " ") for name in path)


def _shown(path: Path, value: Any) -> str:
    return shown(next((name for name in reversed(path) if name in MEASURES), ""), value)
