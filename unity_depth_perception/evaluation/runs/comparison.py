"""Comparison of the reports of several sources and models: comparison.json."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from unity_depth_perception.core.files.atomic_file import write_json

_KEPT = ("models", "frames", "depth", "objects", "reasons", "device", "camera_pose")

Reports = Mapping[tuple[str, str], Mapping[str, Any]]
"""Contents of report.json by (source, model)."""


def write_comparison(
    output: Path, reports: Reports, pages: Mapping[tuple[str, str], str] | None = None
) -> dict[str, Any]:
    """Write comparison.json: each report without its pictures and lists of images.

    Returns:
        The content of comparison.json.
    """
    entries = [
        {"source": source, "model": model, "failed": len(report["failed"])}
        | {name: report[name] for name in _KEPT if name in report}
        for (source, model), report in reports.items()
    ]
    content = {"reports": entries}
    write_json(output / "comparison.json", content, indent=2)
    return content
