"""Distributions and tracks of object distances, and the SVG form of their plots."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from report_parts import frame_of, matched

from unity_depth_perception.evaluation.evaluator import Evaluation
from unity_depth_perception.evaluation.metrics.pixel_groups import DISTANCE_BINS_M
from unity_depth_perception.evaluation.report.distances import curve, summarise_distances
from unity_depth_perception.evaluation.report.plots import objects
from unity_depth_perception.evaluation.report.plots.svg import plot_text, themed_plot
from unity_depth_perception.evaluation.report.plots.tracks import MOST_TRACKS, object_tracks


def random_pairs(count: int = 200):
    random = np.random.default_rng(3)
    return [
        matched(float(random.normal(0, 0.1)), float(random.uniform(0.1, 40)), str(random.choice(["a", "b", "c"])))
        for _ in range(count)
    ]


def test_groups_share_all_objects_and_all_error() -> None:
    summary = summarise_distances(random_pairs())
    assert summary is not None
    for groups in (summary["by_distance"], summary["by_category"].values()):
        assert sum(group["count"] for group in groups) == summary["count"] == 200
        assert sum(group["share_of_error"] for group in groups) == pytest.approx(1)
    starts = [group["from_m"] for group in summary["by_distance"]]
    assert starts == sorted(set(starts) & set(DISTANCE_BINS_M))


def test_percentiles_are_those_of_numpy() -> None:
    pairs = random_pairs()
    summary = summarise_distances(pairs)
    assert summary is not None
    errors = np.abs([pair.distance_error for pair in pairs])
    assert summary["percentiles"]["p90"] == pytest.approx(np.percentile(errors, 90))
    assert summary["within"] == {str(bound): np.mean(errors <= bound) for bound in (0.01, 0.02, 0.05, 0.1)}
    values, shares = curve(summary)
    assert values == sorted(values)
    assert (shares[0], shares[-1]) == (0, 1)
    assert np.interp(0.5, shares, values) == pytest.approx(np.median(errors))


def test_object_at_an_edge_belongs_to_the_farther_bin() -> None:
    summary = summarise_distances([matched(0.1, 2.0), matched(0.1, 1000.0)])
    assert summary is not None
    assert [(one["from_m"], one["to_m"]) for one in summary["by_distance"]] == [(2.0, 3.0), (64.0, None)]


def test_no_objects_have_no_distribution() -> None:
    assert summarise_distances([]) is None


def evaluation_of(*found: list[int], stamps: list[int | None]) -> Evaluation:
    """Frames in which the objects of these ids are found, 10 % too far, at 1 m more in each frame."""
    return Evaluation(
        [
            frame_of([matched(0.1, index + 1.0, item_id=item) for item in ids], index, stamp)
            for index, (ids, stamp) in enumerate(zip(found, stamps, strict=True))
        ]
    )


def test_track_follows_an_object_and_has_gaps_where_it_is_not_found() -> None:
    tracks = object_tracks(
        evaluation_of([7], [7, 8], [7], [], [7], stamps=[5_000_000_000 + k * 10**8 for k in range(5)])
    )
    assert [(track.category, track.true_id) for track in tracks] == [("red_cube", 7)]
    assert tracks[0].seconds == pytest.approx((0, 0.1, 0.2, 0.3, 0.4))
    assert tracks[0].true_m == pytest.approx((1, 2, 3, math.nan, 5), nan_ok=True)
    assert tracks[0].found_m == pytest.approx((1.1, 2.2, 3.3, math.nan, 5.5), nan_ok=True)


@pytest.mark.parametrize(
    "stamps", [[None] * 4, [0, 0, 0, 0], [5, 6, 1, 2], [0, 1, None, 3]], ids=["none", "zero", "back", "one missing"]
)
def test_stamps_that_do_not_rise_give_no_tracks(stamps: list[int | None]) -> None:
    assert object_tracks(evaluation_of([1], [1], [1], [1], stamps=stamps)) == []


def test_object_seen_now_and_then_has_no_track() -> None:
    assert object_tracks(evaluation_of([1], [], [1], [], [1], [], [1], stamps=list(range(7)))) == []


def test_tracks_are_the_longest_and_few() -> None:
    found = [list(range(12)) for _ in range(3)] + [[11, 10]]
    tracks = object_tracks(evaluation_of(*found, stamps=list(range(4))))
    assert [track.true_id for track in tracks] == [10, 11, 0, 1, 2, 3]
    assert len(tracks) == MOST_TRACKS


def test_plot_takes_its_colours_from_the_page() -> None:
    errors = [pair.distance_error for pair in random_pairs()]
    plot = themed_plot(
        "one", "Errors", "All of them.", lambda axes, palette: objects.histogram_plot(axes, palette, errors)
    )
    assert {"var(--ink)", "var(--grid)", "var(--series-1)", "var(--series-2)"} <= set(
        re.findall(r"var\(--[\w-]+\)", plot.svg)
    )
    assert set(re.findall(r"#[0-9a-f]{6}", plot.svg)) <= {"#ffffff", "#000000"}
    assert 'aria-label="Errors. All of them."' in plot.svg
    assert ">objects</text>" in plot.svg
    assert "<style" not in plot.svg


def test_thinned_points_are_spread_over_all_frames() -> None:
    pairs = random_pairs(4001)
    drawn = objects.thinned(pairs)
    assert 1000 < len(drawn) <= 1500
    assert drawn[-1] in pairs[-3:]
    assert objects.thinned(pairs[:1500]) == pairs[:1500]


@pytest.mark.parametrize(
    ("name", "shown"), [("red_cube", "red_cube"), ("x" * 99, "x" * 27 + "…"), ("a\ud800", "a\\ud800")]
)
def test_names_in_plots_are_short_and_printable(name: str, shown: str) -> None:
    assert plot_text(name) == shown
