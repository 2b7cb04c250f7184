"""Order-independent sums and streaming percentiles: laws, tolerance, refusals."""

from __future__ import annotations

import math
import pickle

import numpy as np
import pytest

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.evaluation.metrics.exact_sum import ExactSum
from unity_depth_perception.evaluation.metrics.histogram import LARGEST, RELATIVE_TOLERANCE, SMALLEST, Histogram


def total(parts: list[np.ndarray]) -> np.ndarray:
    sums = ExactSum((3,))
    for part in parts:
        sums.add(part)
    return sums.total


def test_exact_sum_is_the_same_in_any_order_and_split() -> None:
    rng = np.random.default_rng(0)
    rows = [rng.normal(0, 1, 3) * 10.0 ** rng.integers(-12, 9, 3) for _ in range(200)]
    one = total(rows)
    assert total(rows[::-1]).tobytes() == one.tobytes()
    first, second = ExactSum((3,)), ExactSum((3,))
    for row in rows[:70]:
        first.add(row)
    for row in rows[70:]:
        second.add(row)
    second.merge(pickle.loads(pickle.dumps(first)))
    assert second.total.tobytes() == one.tobytes()
    assert one == pytest.approx([math.fsum(row[k] for row in rows) for k in range(3)], rel=1e-15)


def test_float_addition_would_depend_on_the_order() -> None:
    """What the exact sum is for: these three terms give 0 in one order and 1 in the other."""
    terms = [np.full(3, value) for value in (1e17, 1.0, -1e17)]
    assert (1e17 + 1.0) - 1e17 == 0
    assert total(terms).tolist() == [1, 1, 1]


@pytest.mark.parametrize("bad", [np.array([1.0, math.nan, 0]), np.array([1.0, math.inf, 0]), np.zeros(2)])
def test_exact_sum_refuses_what_is_not_finite_or_of_another_shape(bad: np.ndarray) -> None:
    with pytest.raises(InputError, match=r"shape \(3,\)"):
        ExactSum((3,)).add(bad)
    with pytest.raises(InputError, match="to merge with"):
        ExactSum((3,)).merge(ExactSum((2,)))


@pytest.mark.parametrize("percent", [0, 1, 10, 50, 90, 99, 99.9, 100])
def test_percentiles_are_within_the_stated_tolerance_of_numpy(percent: float) -> None:
    values = np.exp(np.random.default_rng(1).normal(-3, 2, 40_001)).astype(np.float32)
    histogram = Histogram()
    for part in np.array_split(values, 7):
        histogram.add(part)
    exact = float(np.percentile(values, percent, method="inverted_cdf"))
    assert SMALLEST < exact < LARGEST
    assert histogram.percentile(percent) == pytest.approx(exact, rel=RELATIVE_TOLERANCE)


def test_percentile_tolerance_holds_at_every_place_of_an_octave() -> None:
    for value in np.linspace(1, 2, 3001):
        histogram = Histogram()
        histogram.add(np.array([value]))
        assert abs(histogram.percentile(50) / value - 1) <= RELATIVE_TOLERANCE


def test_histograms_merge_to_that_of_all_values() -> None:
    values = np.random.default_rng(2).uniform(0, 3, 1000)
    whole, first, second = Histogram(), Histogram(), Histogram()
    whole.add(values)
    first.add(values[:333])
    second.add(values[333:])
    second.merge(first)
    assert second.percentiles((50, 90)) == whole.percentiles((50, 90))
    assert second.count == 1000


def test_extreme_values_are_counted_and_nan_is_left_out() -> None:
    histogram = Histogram()
    assert math.isnan(histogram.percentile(50))
    assert histogram.percentiles((50,)) == {"p50": None}
    histogram.add(np.array([math.nan, 0.0, 1e-9, 1e30, math.inf]))
    assert histogram.count == 4
    assert [histogram.percentile(p) for p in (25, 50, 75, 100)] == [0, 0, LARGEST, LARGEST]
    with pytest.raises(InputError, match="0 to 100"):
        histogram.percentile(101)
