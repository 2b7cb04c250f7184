"""Published accuracy of depth models, to show beside measured figures: their authors' numbers on their own datasets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from unity_depth_perception.evaluation.report.definitions import label, shown
from unity_depth_perception.evaluation.report.measure_tables import Table

NOTE = (
    "Published figures are their authors' own, on other images, cameras and scenes, and under their own protocol. "
    "They are not comparable one to one with what is measured here; they say what is usual."
)


class Published(NamedTuple):
    """A figure of a model as its authors published it."""

    model: str
    publisher: str
    dataset: str
    measure: str  # a key of MEASURES
    value: float


_DA2 = ("Depth Anything V2, metric", "Yang et al. 2024")
_DA3 = ("Depth Anything 3, nested giant large", "Lin et al. 2025")
PUBLISHED = (
    Published(*_DA2, "Hypersim (indoor)", "abs_rel", 0.058),
    Published(*_DA2, "Hypersim (indoor)", "rmse", 0.141),
    Published(*_DA2, "Hypersim (indoor)", "delta1", 0.981),
    Published(*_DA2, "Virtual KITTI (outdoor)", "abs_rel", 0.048),
    Published(*_DA2, "Virtual KITTI (outdoor)", "rmse", 0.387),
    Published(*_DA2, "Virtual KITTI (outdoor)", "delta1", 0.992),
    Published(*_DA3, "HiRoom", "pose_auc_3", 0.844),
    Published(*_DA3, "ETH3D", "pose_auc_3", 0.526),
    Published(*_DA3, "DTU", "pose_auc_3", 0.939),
    Published(*_DA3, "ScanNet++", "pose_auc_3", 0.894),
)

_COLUMNS = ("abs_rel", "rmse", "delta1", "pose_auc_3")


def published_table(reports: Mapping[str, Mapping[str, Any]]) -> Table:
    """Measures of reports by name, then the published ones of models on their authors' datasets."""
    rows = []
    for name, report in reports.items():
        depth = report["depth"] or {}
        dataset = f"{Path(report['dataset']).name} ({report['frames']} frames)"
        rows.append((name, "measured here", dataset, *(shown(column, depth.get(column)) for column in _COLUMNS)))
    groups: dict[tuple[str, str, str], dict[str, float]] = {}
    for figure in PUBLISHED:
        groups.setdefault((figure.model, figure.publisher, figure.dataset), {})[figure.measure] = figure.value
    rows += [(*who, *(shown(column, values.get(column)) for column in _COLUMNS)) for who, values in groups.items()]
    return Table("Published figures", ("Model", "Published by", "Dataset", *map(label, _COLUMNS)), tuple(rows))
