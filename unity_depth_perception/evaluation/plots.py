"""Plots of a report: percentiles of the errors, and the confusion matrix."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from unity_depth_perception.core.files.atomic_file import write_file
from unity_depth_perception.evaluation.confusion import Confusion, axes

_COLOUR = "#2a6f97"
_MARKS = ((50, "#6c757d"), (90, "#e09f3e"), (95, "#bc4749"))
_ON = {True: "white", False: "#1b263b"}  # text on a dark and on a light cell


def save_error_plot(path: Path, abs_rel: Sequence[float], distance_errors: Sequence[float]) -> None:
    """Write a PNG with the percentiles of AbsRel of the frames and of relative distance errors of matched objects.

    Args:
        abs_rel: one value per frame with true depth; may be empty.
        distance_errors: |median - truth| / truth of each matched object; may be empty.
    """
    figure = Figure(figsize=(10, 4), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)  # no pyplot: it would look for a display
    left, right = figure.subplots(1, 2)
    _percentiles(left, abs_rel, "depth: AbsRel of a frame [%]", "frames")
    _percentiles(right, distance_errors, "objects: relative error of the distance [%]", "matched objects")
    _save(figure, path)


def save_confusion_plot(path: Path, table: Confusion) -> None:
    """Write a PNG of the confusion matrix: true categories as rows, predicted ones as columns, colour by row share."""
    rows, columns = axes(table)
    counts = np.array([[table.get(row, {}).get(column, 0) for column in columns] for row in rows])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 0.42 * len(rows) + 2.2
    figure = Figure(figsize=(side + 0.4, side), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    plot = figure.subplots()
    plot.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.argwhere(counts):
        dark = shares[row, column] > 0.5
        plot.text(column, row, str(counts[row, column]), ha="center", va="center", fontsize=8, color=_ON[dark])
    plot.set_xticks(range(len(columns)), columns, rotation=45, ha="right", rotation_mode="anchor", fontsize=8)
    plot.set_yticks(range(len(rows)), rows, fontsize=8)
    plot.set_title("objects; colour: share of the row", fontsize=9)
    plot.set_xlabel("predicted")
    plot.set_ylabel("true")
    _save(figure, path)


def _save(figure: Figure, path: Path) -> None:
    content = io.BytesIO()
    figure.savefig(content, format="png")
    write_file(path, content.getvalue(), durable=False)


def _percentiles(axes: Axes, errors: Sequence[float], title: str, of_what: str) -> None:
    values = np.sort(np.asarray([error for error in errors if np.isfinite(error)])) * 100
    axes.set_title(title, fontsize=10)
    axes.grid(alpha=0.25)
    if values.size == 0:
        axes.text(0.5, 0.5, "not measured", ha="center", va="center", transform=axes.transAxes, color="#6c757d")
        return
    share = (np.arange(values.size) + 1) / values.size * 100
    axes.step(np.concatenate([values[:1], values]), np.concatenate([[0], share]), where="post", color=_COLOUR)
    for percentile, colour in _MARKS:
        value = float(np.percentile(values, percentile))
        axes.axvline(value, color=colour, linestyle="--", linewidth=1, label=f"{percentile} % below {value:.2f} %")
    axes.set_xlim(left=0)
    axes.set_ylim(0, 101)
    axes.set_ylabel(f"share of {values.size} {of_what} [%]")
    axes.legend(loc="lower right", fontsize=9)
