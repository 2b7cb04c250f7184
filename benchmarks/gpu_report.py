"""Results of benchmarks/gpu.py as results.json and results.md."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def write_report(folder: Path, machine: Mapping[str, str], outcomes: Mapping[str, Mapping[str, Any]]) -> None:
    """Write both files.

    Args:
        machine: card and versions.
        outcomes: of each part its status, seconds, rows and, unless it succeeded, the end of its output.
    """
    content = {"machine": dict(machine), "parts": {name: dict(outcome) for name, outcome in outcomes.items()}}
    (folder / "results.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    lines = [f"{name}: {value}" for name, value in machine.items()]
    text = [", ".join(lines), ""]
    for name, outcome in outcomes.items():
        text += [f"### {name}: {outcome['status']}, {outcome['seconds']:.0f} s", ""]
        text += _tables(outcome["rows"])
        if outcome["output_tail"]:
            text += ["```", outcome["output_tail"].strip(), "```", ""]
    (folder / "results.md").write_text("\n".join(text), encoding="utf-8")


def _tables(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """One table for each run of rows that have the same columns."""
    lines: list[str] = []
    columns: list[str] = []
    for row in rows:
        if list(row) != columns:
            columns = list(row)
            lines += ([""] if lines else []) + [_line(columns), _line(["---"] * len(columns))]
        lines.append(_line([_cell(row[column]) for column in columns]))
    return [*lines, ""]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(value: Any) -> str:
    if isinstance(value, dict):
        return "<br>".join(f"{key} x {count}" for key, count in value.items())
    return f"{value:.4g}" if isinstance(value, float) else str(value).replace("|", "\\|")
