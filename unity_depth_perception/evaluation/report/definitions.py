"""What the measures of a report are: names for people, units, definitions. One text for HTML and Markdown."""

from __future__ import annotations

import math
from typing import Any, NamedTuple


class Measure(NamedTuple):
    """How a measure of report.json is shown."""

    label: str
    unit: str = ""  # "%" shows a fraction as per cent
    better: str = ""  # "lower" or "higher"


MEASURES = {
    "abs_rel": Measure("AbsRel", "%", "lower"),
    "sq_rel": Measure("SqRel", "m", "lower"),
    "rmse": Measure("RMSE", "m", "lower"),
    "rmse_log": Measure("RMSE log", "", "lower"),
    "si_log": Measure("SILog (times 100)", "", "lower"),
    "delta1": Measure("δ < 1.25", "%", "higher"),
    "delta2": Measure("δ < 1.25²", "%", "higher"),
    "delta3": Measure("δ < 1.25³", "%", "higher"),
    "coverage": Measure("Pixels with a depth", "%", "higher"),
    "pixel_count": Measure("Pixels compared"),
    "pose_auc_3": Measure("Pose AUC at 3°", "%", "higher"),
    "frames": Measure("Frames"),
    "mask_ap": Measure("Mask AP", "%", "higher"),
    "mask_ap50": Measure("Mask AP50", "%", "higher"),
    "box_ap": Measure("Box AP", "%", "higher"),
    "box_ap50": Measure("Box AP50", "%", "higher"),
    "true": Measure("True objects"),
    "predicted": Measure("Predicted objects"),
    "matched": Measure("Matched objects"),
    "precision": Measure("Precision", "%", "higher"),
    "recall": Measure("Recall", "%", "higher"),
    "recall_any_category": Measure("Recall, any category", "%", "higher"),
    "distances_compared": Measure("Distances compared"),
    "distance_median_rel_error": Measure("Distance error, median", "%", "lower"),
    "distance_p90_rel_error": Measure("Distance error, 9 of 10 below", "%", "lower"),
    "distance_p95_rel_error": Measure("Distance error, 95 of 100 below", "%", "lower"),
    "frames_over_20_percent_off": Measure("Frames whose median distance is off by more than 20 %", "%", "lower"),
    "distance_min_median_rel_error": Measure("Nearest point, median error", "%", "lower"),
    "distance_min_p90_rel_error": Measure("Nearest point, 9 of 10 below", "%", "lower"),
    "distance_max_median_rel_error": Measure("Farthest point, median error", "%", "lower"),
    "distance_max_p90_rel_error": Measure("Farthest point, 9 of 10 below", "%", "lower"),
    "box_depth_median_ratio": Measure("Depth of 3D boxes over the true one, median"),
    "box_depth_over_twice": Measure("3D boxes more than twice as deep", "%", "lower"),
    "links_true": Measure("True links to a parent"),
    "links_predicted": Measure("Predicted links"),
    "links_correct": Measure("Correct links"),
    "parent_precision": Measure("Parent precision", "%", "higher"),
    "parent_recall": Measure("Parent recall", "%", "higher"),
    "parent_f1": Measure("Parent F1", "%", "higher"),
    "links_true_between_matched": Measure("True links between matched objects"),
    "parent_f1_between_matched": Measure("Parent F1 between matched objects", "%", "higher"),
    "count": Measure("Objects"),
    "median_rel_error": Measure("Error, median", "%", "lower"),
    "p90_rel_error": Measure("Error, 9 of 10 below", "%", "lower"),
    "median_signed_rel_error": Measure("Signed error, median", "%"),
    "share_of_error": Measure("Share of all error", "%"),
    "from_m": Measure("From", "m"),
    "to_m": Measure("To", "m"),
    "abs_m": Measure("error", "m", "lower"),
    "rel": Measure("relative error", "%", "lower"),
    "median_signed_rel": Measure("signed error, median", "%"),
    "boundary_iou": Measure("Boundary IoU", "%", "higher"),
    "f1": Measure("F1", "%", "higher"),
    "log10": Measure("log10", "", "lower"),
    "log_std": Measure("Spread of the scale over the images (standard deviation of its logarithm)"),
    "tae": Measure("TAE (times 100)", "", "lower"),
    "sky_pixels": Measure("Sky pixels"),
    "sky_with_finite_depth": Measure("Sky with finite depth", "%", "lower"),
    "finite_truth_with_infinite_depth": Measure("Finite truth with infinite depth", "%", "lower"),
    "sky_recall": Measure("Sky found", "%", "higher"),
    "sky_precision": Measure("Found sky that is sky", "%", "higher"),
    "flying_pixels": Measure("Flying pixels at rims", "%", "lower"),
    "rim_pixels": Measure("Pixels at rims of objects"),
    "within": Measure("share of objects with an error within", "%"),
    "percentiles": Measure("percentiles of the error", "%"),
    "fps": Measure("Frames per second", "", "higher"),
}

DEFINITIONS = (
    "`abs_rel` is |depth - true depth| / true depth; `delta1` is the share of pixels whose depth lies within a factor "
    "of 1.25 of the truth; formulas and sources are in `core/metrics.py`.",
    "Depth: each measure is the mean over the frames of its value over the pixels whose truth is finite. `sq_rel` and "
    "`rmse` are in metres, `si_log` is times 100; `coverage` is the share of those pixels that have a depth.",
    "`mask_ap` and `mask_ap50`, `box_ap` and `box_ap50` are COCO's average precision (pycocotools). They rate the "
    "ranking of all candidates of the network, also those below the score threshold, each in every category; masks "
    "may overlap.",
    "Objects: a predicted object matches a true object of the same category if the IoU of their masks is at least "
    "0.5. `recall_any_category` and the confusion of categories match by IoU alone: *missed* is a true object that no "
    "prediction covers, *invented* a prediction where there is no object.",
    "`distance_median_rel_error`, `_p90_` and `_p95_` are the 50th, 90th and 95th percentile over the matched objects "
    "of |median - true median| / true median. `distance_min_*` and `distance_max_*` are those of the nearest and the "
    "farthest depth of the visible surface. A signed error above 0 is an object measured too far away.",
    "`box_depth_median_ratio` is the median of the depth (max - min) of the 3D boxes over the true one, "
    "`box_depth_over_twice` the share of the boxes that are more than twice as deep.",
    "A link (child stands on parent) counts if the child is matched; it is correct if its parent is matched too, to "
    "the true parent of the child's match. `parent_f1` = 2 correct / (predicted + true) of these links; "
    "`parent_f1_between_matched` is that of the links whose parents are matched too, so that missed parents do not "
    "count.",
    "The errors of a frame are the objects missed, invented or of a wrong category (which counts twice), and the "
    "links missed or invented.",
)
"""Paragraphs; `code` and *emphasis* as in Markdown."""


def label(name: str) -> str:
    """A measure's name for people; its key where it has none."""
    return MEASURES[name].label if name in MEASURES else name


def shown(name: str, value: Any) -> str:
    """A measure's value with its unit; a dash where it is unknown."""
    unit = MEASURES[name].unit if name in MEASURES else ""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "–"
    if isinstance(value, bool | str):
        return str(value)
    if unit == "%":
        return percent(value)
    number = f"{value:,}".replace(",", "\u202f") if isinstance(value, int) else significant(value)
    return f"{number}\u00a0{unit}" if unit else number


def percent(fraction: float) -> str:
    """A fraction as per cent with two or three significant digits: 1.8 %, 12 %, 98.7 %, 0.04 %."""
    value = 100 * fraction
    size = abs(value)
    if size < 5e-4:
        return "0\u00a0%"
    if size >= 99.95:
        return f"{value:.0f}\u00a0%"
    decimals = 1 if 0.995 <= size < 9.95 or size >= 90 else 0 if size >= 9.95 else 2 if size >= 0.0995 else 3
    return f"{value:.{decimals}f}\u00a0%"


def significant(value: float) -> str:
    """Three significant digits, without an exponent for ordinary sizes."""
    if value == 0:
        return "0"
    digits = max(2 - math.floor(math.log10(abs(value))), 0)
    return f"{value:.{digits}f}" if digits <= 6 else f"{value:.2e}"
