"""Plots of a comparison: the distance errors of several models in one plot. Made and saved within `svg.plot_style`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes

from unity_depth_perception.evaluation.report.distances import curve
from unity_depth_perception.evaluation.report.plots.objects import DASHES, MARKERS
from unity_depth_perception.evaluation.report.plots.svg import Palette, plot_text

Distances = Mapping[str, Mapping[str, Any]]
"""`object_distances` of report.json, by model."""


def percentile_curves_plot(plot: Axes, palette: Palette, distances: Distances) -> None:
    """Share of objects with a distance error below each value, one line per model."""
    for k, (model, one) in enumerate(distances.items()):
        errors, shares = curve(one)
        plot.plot(
            100 * np.array(errors),
            100 * np.array(shares),
            color=palette.series[k],
            linestyle=DASHES[k],
            label=plot_text(model),
        )
    plot.set_xlabel("distance error [%]")
    plot.set_ylabel("share of objects [%]")
    plot.set_xlim(0, max(100 * one["percentiles"]["p95"] for one in distances.values()) or 1)
    plot.set_ylim(0, 101)
    plot.legend(loc="lower right")


def error_by_distance_curves_plot(plot: Axes, palette: Palette, distances: Distances) -> None:
    """Median distance error by bin of true distance, one line per model."""
    for k, (model, one) in enumerate(distances.items()):
        bins = one["by_distance"]
        middle = [(b["from_m"] + (b["to_m"] or 2 * b["from_m"])) / 2 for b in bins]
        errors = [100 * b["median_rel_error"] for b in bins]
        plot.plot(
            middle,
            errors,
            color=palette.series[k],
            linestyle=DASHES[k],
            marker=MARKERS[k],
            markersize=4,
            label=plot_text(model),
        )
    plot.set_xlabel("true distance [m]")
    plot.set_ylabel("distance error, median [%]")
    plot.set_xlim(left=0)
    plot.set_ylim(bottom=0)
    plot.legend(loc="best")
