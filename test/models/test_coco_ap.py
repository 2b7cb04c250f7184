"""COCO average precision: cases of 1, of 0, and between."""

import math
from collections.abc import Sequence
from dataclasses import replace

import pytest
import torch

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.evaluation.coco_ap import CocoEvaluation, CocoScores
from unity_depth_perception.models.protocols import Candidates, Segmentation


def frame(*objects: tuple[tuple[int, int, int, int], str, float], size: int = 100) -> Segmentation:
    """Rectangles x_min, y_min, x_max, y_max with category and score."""
    instances = torch.zeros(size, size, dtype=torch.uint8)
    for k, ((x_min, y_min, x_max, y_max), _, _) in enumerate(objects):
        instances[y_min:y_max, x_min:x_max] = k + 1
    return Segmentation(instances, tuple(c for _, c, _ in objects), tuple(s for _, _, s in objects))


def scores_of(frames: Sequence[tuple[Segmentation, Segmentation]]) -> CocoScores:
    evaluation = CocoEvaluation()
    for predicted, true in frames:
        evaluation.add(predicted, true)
    return evaluation.scores()


TRUE = frame(((0, 0, 20, 20), "red_cube", 1.0), ((40, 40, 80, 50), "blue_parallelepiped", 1.0))
NOTHING = Segmentation(torch.zeros(100, 100, dtype=torch.uint8), (), ())


def test_the_truth_scores_one() -> None:
    scores = scores_of([(TRUE, TRUE), (TRUE, TRUE), (NOTHING, NOTHING)])
    means = (scores.mask_ap, scores.mask_ap50, scores.box_ap, scores.box_ap50)
    assert means == pytest.approx((1, 1, 1, 1))
    assert scores.recall == {"red_cube": 1.0, "blue_parallelepiped": 1.0}


def test_prediction_without_objects_scores_zero() -> None:
    scores = scores_of([(NOTHING, TRUE)])
    assert (scores.mask_ap, scores.mask_ap50, scores.box_ap, scores.box_ap50) == (0, 0, 0, 0)
    assert scores.recall == {"red_cube": 0.0, "blue_parallelepiped": 0.0}


def test_without_truth_there_is_no_score() -> None:
    scores = scores_of([(TRUE, NOTHING)])
    assert math.isnan(scores.mask_ap)
    assert math.isnan(scores.box_ap50)
    assert scores.recall == {}


def test_a_category_that_the_truth_does_not_have_enters_no_mean() -> None:
    invented = frame(((0, 0, 20, 20), "red_cube", 0.9), ((40, 40, 80, 50), "green_cube", 0.9))
    scores = scores_of([(invented, frame(((0, 0, 20, 20), "red_cube", 1.0)))])
    assert scores.mask_ap == pytest.approx(1)
    assert set(scores.recall) == {"red_cube"}


def test_inaccurate_mask_counts_only_at_the_lower_thresholds() -> None:
    """IoU 0.8 passes 0.50 .. 0.80: seven of ten thresholds."""
    shorter = frame(((0, 0, 20, 16), "red_cube", 0.9))
    scores = scores_of([(shorter, frame(((0, 0, 20, 20), "red_cube", 1.0)))])
    assert scores.mask_ap == pytest.approx(0.7)
    assert scores.mask_ap50 == pytest.approx(1)
    assert scores.box_ap == pytest.approx(0.7)


def test_masks_and_boxes_are_scored_separately() -> None:
    """A frame around the object's middle: its box is right, its mask is not."""
    hollow = frame(((0, 0, 20, 20), "red_cube", 0.9))
    hollow.instances[2:18, 2:18] = 0
    scores = scores_of([(hollow, frame(((0, 0, 20, 20), "red_cube", 1.0)))])
    assert scores.box_ap == pytest.approx(1)
    assert scores.mask_ap50 == 0


def test_false_detection_lowers_ap_more_the_higher_its_score() -> None:
    true = frame(((0, 0, 20, 20), "red_cube", 1.0))
    unsure = frame(((0, 0, 20, 20), "red_cube", 0.9), ((50, 50, 70, 70), "red_cube", 0.1))
    sure = frame(((0, 0, 20, 20), "red_cube", 0.1), ((50, 50, 70, 70), "red_cube", 0.9))
    assert scores_of([(unsure, true)]).mask_ap == pytest.approx(1)
    assert scores_of([(sure, true)]).mask_ap == pytest.approx(0.5)


def candidates(*places: tuple[tuple[int, int, int, int], tuple[float, float]], side: int = 100) -> Candidates:
    """Full rectangles x_min, y_min, x_max, y_max with the scores of a cube and of a parallelepiped."""
    return Candidates(
        torch.ones(len(places), 28, 28),
        torch.tensor([box for box, _ in places], dtype=torch.float32),
        (side, side),
        torch.tensor([scores for _, scores in places]),
        ("red_cube", "red_parallelepiped"),
    )


def test_candidates_are_ranked_in_every_category() -> None:
    """Two objects, the unlikelier shape of the first being the right one; nothing was likely enough to be reported."""
    true = frame(((0, 0, 20, 20), "red_cube", 1.0), ((40, 40, 80, 50), "red_parallelepiped", 1.0))
    found = candidates(((0, 0, 20, 20), (0.3, 0.6)), ((40, 40, 80, 50), (0.0, 0.9)))
    scores = scores_of([(replace(NOTHING, candidates=found), true)])
    assert scores.mask_ap50 == pytest.approx(1)
    assert scores.recall == {"red_cube": 0.0, "red_parallelepiped": 0.0}
    unsure = candidates(((0, 0, 20, 20), (0.3, 0.6)), ((40, 40, 80, 50), (0.5, 0.4)))
    scores = scores_of([(replace(NOTHING, candidates=unsure), true)])
    assert scores.mask_ap50 == pytest.approx(0.5)  # in both categories what is wrong is ranked first


def test_candidates_are_placed_in_the_image_for_any_network_size() -> None:
    true = frame(((0, 0, 40, 40), "red_cube", 1.0))
    found = candidates(((0, 0, 200, 200), (0.9, 0.0)), side=500)
    scores = scores_of([(replace(NOTHING, candidates=found), true)])
    assert scores.mask_ap50 == scores.box_ap50 == pytest.approx(1)


def test_frames_of_different_sizes_are_refused() -> None:
    with pytest.raises(InputError, match="one size"):
        CocoEvaluation().add(frame(size=50), frame(size=60))
