"""Plots of a report: distributions of errors, predicted against true distance, distance over time, confusion matrix.

Figures are made and saved within `svg.plot_style`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from unity_depth_perception.evaluation.confusion import Confusion, axes
from unity_depth_perception.evaluation.objects import MatchedObject
from unity_depth_perception.evaluation.report.plots.svg import Palette, agg_figure, plot_text
from unity_depth_perception.evaluation.report.plots.tracks import Track

_MARKS = ((50, ":"), (90, "--"), (95, "-."))
DASHES = ("-", "--", "-.", ":", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)))  # a line is told apart without its colour
MARKERS = ("o", "s", "^", "D", "v", "P")
_MOST_POINTS = 1500  # in a scatter plot: more would make the page heavy and hide each other
_ON = {True: "white", False: "#1b263b"}  # text on a dark and on a light cell


def percentile_plot(plot: Axes, palette: Palette, errors: Sequence[float], quantity: str, of_what: str) -> None:
    """Share of frames or objects with an error below each value, with the 50th, 90th and 95th percentile.

    Args:
        errors: relative errors; may be empty.
        quantity: for the axis, without unit.
        of_what: counted things, such as frames.
    """
    values = np.sort(np.asarray([error for error in errors if np.isfinite(error)])) * 100
    plot.set_xlabel(f"{quantity} [%]")
    if values.size == 0:
        plot.text(0.5, 0.5, "not measured", ha="center", va="center", transform=plot.transAxes)
        return
    share = (np.arange(values.size) + 1) / values.size * 100
    plot.step(np.concatenate([values[:1], values]), np.concatenate([[0], share]), where="post", color=palette.series[0])
    for (percentile, dash), colour in zip(_MARKS, palette.series[1:], strict=False):
        value = float(np.percentile(values, percentile))
        plot.axvline(value, color=colour, linestyle=dash, linewidth=1.2, label=f"{percentile} % below {value:.2f} %")
    plot.set_xlim(0, 1.05 * float(values[-1]) or 1)
    plot.set_ylim(0, 101)
    plot.set_ylabel(f"share of {values.size} {of_what} [%]")
    plot.legend(loc="lower right")


def histogram_plot(plot: Axes, palette: Palette, signed: Sequence[float]) -> None:
    """Histogram of signed relative distance errors; those beyond the 2nd and 98th percentile lie in the end bins."""
    values = 100 * np.asarray(signed)
    limit = max(float(np.percentile(np.abs(values), 98)), 0.1)
    plot.hist(np.clip(values, -limit, limit), bins=np.linspace(-limit, limit, 22).tolist(), color=palette.series[0])
    plot.axvline(0, color=palette.ink, linewidth=0.8)
    median = float(np.median(values))
    plot.axvline(median, color=palette.series[1], linestyle="--", linewidth=1.4, label=f"median {median:+.2f} %")
    plot.set_xlabel("distance error [%], above 0: too far")
    plot.set_ylabel("objects")
    plot.yaxis.set_major_locator(MaxNLocator(integer=True))
    plot.legend(loc="upper right")


def error_by_distance_plot(plot: Axes, palette: Palette, pairs: Sequence[MatchedObject], bins: Sequence[Any]) -> None:
    """Error of each object over its true distance, with the median and the 90th percentile of each bin of distance."""
    drawn = thinned(pairs)
    true_m = [pair.true.distance.median for pair in drawn]
    errors = [100 * abs(pair.distance_error) for pair in drawn]
    plot.scatter(true_m, errors, s=9, color=palette.series[0], alpha=0.45, linewidths=0, label="one object")
    _bin_lines(plot, palette, bins, max(pair.true.distance.median for pair in pairs))
    plot.set_xlabel("true distance [m]")
    plot.set_ylabel("distance error [%]")
    plot.set_xlim(left=0)
    plot.set_ylim(bottom=0)
    plot.legend(loc="upper right")


def depth_by_distance_plot(plot: Axes, palette: Palette, bins: Sequence[Any]) -> None:
    """AbsRel of all pixels in each bin of true depth."""
    known = [one for one in bins if one["abs_rel"] is not None]
    for one in known:
        ends = (one["from_m"], one["to_m"] or 1.25 * one["from_m"])
        plot.fill_between(ends, [100 * one["abs_rel"]] * 2, color=palette.series[0], alpha=0.35, linewidth=0)
        plot.plot(ends, [100 * one["abs_rel"]] * 2, color=palette.series[0])
    plot.set_xlabel("true depth [m]")
    plot.set_ylabel("AbsRel of the pixels [%]")
    plot.set_xlim(left=0)
    plot.set_ylim(bottom=0)


def _bin_lines(plot: Axes, palette: Palette, bins: Sequence[Any], farthest_m: float) -> None:
    for key, label, colour, dash in (
        ("median_rel_error", "median", palette.series[1], "-"),
        ("p90_rel_error", "9 of 10 below", palette.series[2], "--"),
    ):
        for k, one in enumerate(bins):
            ends = (one["from_m"], min(one["to_m"] or farthest_m, farthest_m))
            plot.plot(ends, [100 * one[key]] * 2, color=colour, linestyle=dash, label=None if k else label)


def predicted_over_true_plot(plot: Axes, palette: Palette, pairs: Sequence[MatchedObject]) -> None:
    """Predicted over true distance of each object; the line is where they are equal."""
    drawn = thinned(pairs)
    true_m = np.array([pair.true.distance.median for pair in drawn])
    found_m = np.array([pair.predicted.distance.median for pair in drawn])
    end = 1.05 * max(true_m.max(), found_m.max())
    plot.fill_between(
        [0, end], [0, 0.95 * end], [0, 1.05 * end], color=palette.series[2], alpha=0.2, linewidth=0, label="within 5 %"
    )
    plot.plot([0, end], [0, end], color=palette.ink, linewidth=0.8, label="exact")
    plot.scatter(true_m, found_m, s=9, color=palette.series[0], alpha=0.6, linewidths=0, label="one object")
    plot.set(xlim=(0, end), ylim=(0, end), xlabel="true distance [m]", ylabel="predicted distance [m]")
    plot.legend(loc="upper left")


def distance_over_time_plot(plot: Axes, palette: Palette, tracks: Sequence[Track]) -> None:
    """Predicted distance of single objects over time (points), beside the true one (lines)."""
    for k, track in enumerate(tracks):
        colour, dash, marker = palette.series[k], DASHES[k], MARKERS[k]
        plot.plot(track.seconds, track.true_m, color=colour, linestyle=dash, linewidth=1.2)
        plot.plot(track.seconds, track.found_m, color=colour, linestyle="", marker=marker, markersize=3)
    handles = [line for line in plot.lines if line.get_linestyle() == "None"]
    names = [f"{plot_text(track.category)} {track.true_id}" for track in tracks]
    plot.figure.legend(handles, names, loc="outside upper left", ncols=2)  # the tracks may fill the plot
    plot.set_xlabel("time [s]")
    plot.set_ylabel("distance [m]")


def confusion_figure(table: Confusion) -> Figure:
    """Confusion matrix for paper: true categories as rows, predicted ones as columns, colour by row share."""
    rows, columns = axes(table)
    counts = np.array([[table.get(row, {}).get(column, 0) for column in columns] for row in rows])
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    side = 0.42 * len(rows) + 2.2
    figure = agg_figure(side + 0.4, side)
    plot = figure.subplots()
    plot.grid(False)
    plot.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, column in np.argwhere(counts):
        dark = shares[row, column] > 0.5
        plot.text(column, row, str(counts[row, column]), ha="center", va="center", fontsize=8, color=_ON[dark])
    plot.set_xticks(
        range(len(columns)), list(map(plot_text, columns)), rotation=45, ha="right", rotation_mode="anchor", fontsize=8
    )
    plot.set_yticks(range(len(rows)), list(map(plot_text, rows)), fontsize=8)
    plot.set_title("objects; colour: share of the row", fontsize=9)
    plot.set_xlabel("predicted")
    plot.set_ylabel("true")
    return figure


def thinned(pairs: Sequence[MatchedObject]) -> Sequence[MatchedObject]:
    """At most `_MOST_POINTS` of the objects, evenly spread over the frames."""
    return pairs[:: -(-len(pairs) // _MOST_POINTS) or 1]
