"""The plots of one report: those that its data allow."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

from unity_depth_perception.evaluation.evaluator import Evaluation
from unity_depth_perception.evaluation.report.distances import compared_objects
from unity_depth_perception.evaluation.report.plots import objects
from unity_depth_perception.evaluation.report.plots.svg import (
    PAPER,
    Plot,
    agg_figure,
    plot_style,
    png_bytes,
    themed_plot,
)
from unity_depth_perception.evaluation.report.plots.tracks import object_tracks


def report_plots(evaluation: Evaluation, report: dict[str, Any]) -> list[Plot]:
    """Plots for report.html."""
    return [*_object_plots(evaluation, report), *_depth_plots(evaluation, report)]


def errors_png(evaluation: Evaluation) -> bytes:
    """The percentiles of AbsRel of the frames and of the distance errors, as PNG for report.md."""
    with plot_style(PAPER):
        figure = agg_figure(10, 4)
        left, right = figure.subplots(1, 2)
        left.set_title("depth: AbsRel of a frame")
        objects.percentile_plot(left, PAPER, _frame_errors(evaluation), "AbsRel", "frames")
        right.set_title("objects: relative error of the distance")
        errors = [abs(pair.distance_error) for pair in compared_objects(evaluation)]
        objects.percentile_plot(right, PAPER, errors, "error", "matched objects")
        return png_bytes(figure)


def confusion_png(report: dict[str, Any]) -> bytes:
    """The confusion matrix as PNG for report.md."""
    with plot_style(PAPER):
        return png_bytes(objects.confusion_figure(report["objects"]["confusion"]))


def _object_plots(evaluation: Evaluation, report: dict[str, Any]) -> Iterator[Plot]:
    pairs = compared_objects(evaluation)
    if not pairs:
        return
    errors = [abs(pair.distance_error) for pair in pairs]
    yield themed_plot(
        "percentiles",
        "Distance error of objects",
        "Share of the matched objects whose distance is off by less than a value.",
        partial(objects.percentile_plot, errors=errors, quantity="distance error", of_what="objects"),
    )
    yield themed_plot(
        "histogram",
        "Too near or too far",
        "Number of objects by signed distance error; the end bins hold everything beyond.",
        partial(objects.histogram_plot, signed=[pair.distance_error for pair in pairs]),
    )
    yield themed_plot(
        "by-distance",
        "Error by distance",
        "Distance error of each matched object over its true distance, with percentiles by range of distance.",
        partial(objects.error_by_distance_plot, pairs=pairs, bins=report["object_distances"]["by_distance"]),
    )
    yield themed_plot(
        "predicted-true",
        "Predicted against true distance",
        "Each point is a matched object; on the line both are equal.",
        partial(objects.predicted_over_true_plot, pairs=pairs),
    )
    tracks = object_tracks(evaluation)
    if tracks:
        yield themed_plot(
            "over-time",
            "Object distance over time",
            "Predicted distance (points) and true distance (lines) of the objects that are seen most often.",
            partial(objects.distance_over_time_plot, tracks=tracks),
        )


def _depth_plots(evaluation: Evaluation, report: dict[str, Any]) -> Iterator[Plot]:
    errors = _frame_errors(evaluation)
    if errors:
        yield themed_plot(
            "frames",
            "Depth error of frames",
            "Share of the frames whose mean relative depth error (AbsRel) lies below a value.",
            partial(objects.percentile_plot, errors=errors, quantity="AbsRel", of_what="frames"),
        )
    bins = ((report.get("metrics") or {}).get("depth") or {}).get("by_distance")
    if bins:
        yield themed_plot(
            "depth-by-distance",
            "Depth error by distance",
            "Mean relative depth error (AbsRel) of the pixels in each range of true depth.",
            partial(objects.depth_by_distance_plot, bins=bins),
        )


def _frame_errors(evaluation: Evaluation) -> list[float]:
    return [frame.depth.abs_rel for frame in evaluation.frames if frame.depth is not None]
