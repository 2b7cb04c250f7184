"""How the errors are spread: the picture of a report."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

_COLOUR = "#2a6f97"
_MARKS = ((50, "#6c757d"), (95, "#bc4749"))


def save_error_plot(path: Path, abs_rel: Sequence[float], distance_errors: Sequence[float]) -> None:
    """Write a PNG: AbsRel of the frames and relative distance errors of the matched objects, as percentiles.

    Args:
        abs_rel: one value per frame with true depth; may be empty.
        distance_errors: |median - truth| / truth of each matched object; may be empty.
    """
    figure = Figure(figsize=(10, 4), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)  # no pyplot: it would look for a display
    left, right = figure.subplots(1, 2)
    _percentiles(left, abs_rel, "depth: AbsRel of a frame [%]", "frames")
    _percentiles(right, distance_errors, "objects: relative error of the distance [%]", "matched objects")
    figure.savefig(path)


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
