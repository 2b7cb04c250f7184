"""Sentences of a report follow its numbers."""

import re
from dataclasses import replace

import numpy as np
import pytest
from report_parts import frame_of, matched, report_of

from unity_depth_perception.evaluation.objects import LinkScore
from unity_depth_perception.evaluation.report.definitions import percent, significant
from unity_depth_perception.evaluation.report.words import comparison_sentences, headline, summary_sentences


def words(*frames, **values) -> str:
    """All sentences as one text, with ordinary spaces."""
    return " ".join(summary_sentences(report_of(*frames, **values))).replace("\u00a0", " ")


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (0, "0 %"),
        (-1e-9, "0 %"),
        (0.00004, "0.004 %"),
        (0.0123, "1.2 %"),
        (-0.05, "-5.0 %"),
        (0.0999999, "10 %"),
        (0.00999, "1.0 %"),
        (0.123, "12 %"),
        (0.987, "98.7 %"),
        (0.9999, "100 %"),
        (2.5, "250 %"),
    ],
)
def test_percent_keeps_what_matters(fraction: float, text: str) -> None:
    assert percent(fraction).replace("\u00a0", " ") == text


@pytest.mark.parametrize(
    ("value", "text"), [(0, "0"), (0.0407, "0.0407"), (35.73, "35.7"), (1234.5, "1234"), (1e-9, "1.00e-09")]
)
def test_significant_digits(value: float, text: str) -> None:
    assert significant(value) == text


@pytest.mark.parametrize("seed", range(5))
def test_first_sentence_states_median_and_ninetieth_percentile(seed: int) -> None:
    errors = np.random.default_rng(seed).normal(0, 0.05, 40)
    text = words(frame_of([matched(error) for error in errors]))
    sizes = np.abs(errors)
    expected = f"{percent(np.median(sizes))} off in the median; 9 of 10 are within {percent(np.percentile(sizes, 90))}"
    assert text.startswith(f"Objects are measured {expected} (40 objects).".replace("\u00a0", " "))


def test_few_objects_get_no_percentile() -> None:
    text = words(frame_of([matched(error) for error in (0.01, -0.02, 0.05)]))
    assert text.startswith("Objects are measured 2.0 % off in the median (3 objects, the worst 5.0 %).")
    assert "9 of 10" not in text
    assert "of the error" not in text


def test_one_object_is_no_distribution() -> None:
    assert words(frame_of([matched(-0.018)])).startswith("The one object that was compared is measured 1.8 % off.")


@pytest.mark.parametrize(
    ("errors", "said"),
    [
        ([0.03] * 6, "too far, by 3.0 % in the median"),
        ([-0.03] * 6, "too near, by 3.0 % in the median"),
        ([0.03, -0.03] * 3, None),
        ([0.0001] * 6, None),
    ],
    ids=["far", "near", "scattered", "too small to name"],
)
def test_bias_is_named_with_its_direction(errors: list[float], said: str | None) -> None:
    text = words(frame_of([matched(error) for error in errors]))
    assert said in text if said else "On the whole" not in text


def test_group_with_most_of_the_error_is_named() -> None:
    near, far = [matched(0.01, 0.6)] * 12, [matched(0.2, 2.5)] * 4
    assert "Most of the error comes from objects beyond 2 m: 25 % of the objects, 87 % of the error." in words(
        frame_of(near + far)
    )
    assert "comes from objects nearer than 2 m: 25 %" in words(
        frame_of([matched(0.01, 2.5)] * 12 + [matched(0.2, 0.6)] * 4)
    )
    blue = [matched(0.2, category="blue_cube")] * 3
    assert "comes from blue_cube: 20 % of the objects, 83 %" in words(frame_of([matched(0.01)] * 12 + blue))


def test_even_error_comes_from_no_group() -> None:
    pairs = [matched(0.02, true_m, name) for true_m in (0.6, 1.2, 2.5) for name in ("red_cube", "blue_cube")] * 3
    assert "spread over all distances and categories" in words(frame_of(pairs))


def test_flawless_distances_have_no_origin_of_error() -> None:
    text = words(frame_of([matched(0.0)] * 20))
    assert "0 % off in the median; 9 of 10 are within 0 %" in text
    assert "of the error" not in text


def test_found_objects_and_mistakes_are_counted() -> None:
    frame = frame_of(
        [matched(0.01)] * 3, missed=["red_cube", "red_cube", "blue_cube"], invented=["red_cube"], renamed=[("a", "b")]
    )
    text = words(frame)
    assert "Of 7 true objects 3 are found (43 %)." in text
    assert "Detection makes 5 mistakes, 3 of them missed objects, most often red_cube (2)." in text


def test_one_mistake_is_named() -> None:
    text = words(frame_of([matched(0.01)], renamed=[("red_cube", "orange_cube")]))
    assert "Detection makes one mistake: a wrong category (red_cube taken for orange_cube)." in text


def test_parents_are_counted() -> None:
    text = words(frame_of([matched(0.01)] * 2, links=LinkScore(correct=3, predicted=4, true=5)))
    assert "Of 5 true links to a parent 3 are right and 1 wrong one was predicted (F1 67 %)." in text


def test_depth_and_missing_pixels_are_stated() -> None:
    text = words(frame_of([], abs_rel=0.044, coverage=0.8))
    assert "Depth is 4.4 % off on average over the pixels (AbsRel); 97.0 % of them are within a factor of 1.25." in text
    assert "20 % of the pixels have no depth." in text
    assert "have no depth" not in words(frame_of([], abs_rel=0.044))


@pytest.mark.parametrize(("aligned", "said"), [(0.01, True), (0.04, False), (None, False)])
def test_wrong_scale_is_named_where_it_causes_most_of_the_error(aligned: float | None, said: bool) -> None:
    report = report_of(frame_of([], abs_rel=0.05))
    report["metrics"] = {"depth": {"per_image": {"raw": {"abs_rel": 0.05}, "scale": {"abs_rel": aligned}}}}
    assert (
        "Most of that is scale: if each image's scale were right, it would be 1.0\u00a0% off."
        in summary_sentences(report)
    ) == said


def test_model_without_depth_is_named() -> None:
    assert "The model gave no depth where the truth is known." in words(
        frame_of([], abs_rel=float("nan"), coverage=0.0)
    )


def test_missing_truth_is_named() -> None:
    without = replace(frame_of([]), objects=None)
    assert words(without) == (
        "Object distances could not be compared: no image has masks. "
        "Depth could not be compared: no image has true depth with a valid pixel. "
        "One frame says little about others: take these figures as an example."
    )


def test_truth_without_objects_and_unmatched_objects_are_told_apart() -> None:
    empty, unmatched = words(frame_of([])), words(frame_of([], missed=["red_cube"]))
    assert "The true masks hold no object." in empty
    assert "no predicted object matches a true one" in unmatched
    assert "Of 1 true object 0 are found (0 %)." in unmatched


def test_failed_images_are_counted() -> None:
    assert "2 images could not be processed and do not count here." in words(frame_of([]), failed=["a.png", "b.png"])
    assert "1 image could" in words(frame_of([]), failed=["a.png"])


def test_headline_names_source_and_models() -> None:
    report = report_of(frame_of([]), frame_of([]))
    assert headline(report) == "2 frames of room, depth by net and masks by net."
    report["models"] = {"depth": "truth", "segmentation": "truth"}
    assert headline(report) == "2 frames of room, true depth and true masks."
    assert not re.search("true object|mistake", " ".join(summary_sentences(report)))


def test_comparison_names_the_best_and_the_next() -> None:
    models = {name: report_of(frame_of([matched(error)] * 3)) for name, error in (("b", 0.03), ("a", 0.01), ("c", 0.2))}
    assert comparison_sentences(models)[0].replace("\u00a0", " ") == (
        "a measures objects best: 1.0 % off in the median, before b (3.0 %)."
    )


def test_comparison_calls_close_models_equal() -> None:
    models = {name: report_of(frame_of([matched(error)] * 3)) for name, error in (("a", 0.0300), ("b", 0.0301))}
    assert "as good as each other" in comparison_sentences(models)[0]


def test_comparison_without_measures_says_so() -> None:
    models = {"a": report_of(replace(frame_of([]), objects=None)), "b": report_of(replace(frame_of([]), objects=None))}
    assert comparison_sentences(models) == ["Nothing was measured that could be compared."]
