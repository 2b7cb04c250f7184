"""Parents in scenes that another simulator built and another renderer drew (see physics_scenes)."""

from __future__ import annotations

import pytest
import torch
from physics_scenes import physics_sample

from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.evaluation.evaluator import Evaluator
from unity_depth_perception.evaluation.objects import LinkScore, score_objects
from unity_depth_perception.evaluation.truth import true_objects

bullet = pytest.importorskip("pybullet", reason="needs pybullet, which has no wheel for this Python")
CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def samples() -> list[Sample]:
    return [physics_sample(bullet, seed) for seed in range(200)]


@pytest.mark.slow
@pytest.mark.parametrize(("know_pose", "least_f1"), [(True, 0.98), (False, 0.97)])
def test_parents_from_true_depth_and_masks(samples: list[Sample], know_pose: bool, least_f1: float) -> None:
    """Stacks that physics settled, tipped over, leaning and hanging ones too; the truth is who bears the weight."""
    evaluator = Evaluator(None, None, CPU, use_camera_pose=know_pose)
    links = sum(
        (score_objects(evaluator.process(sample), true_objects(sample, CPU)).links for sample in samples), LinkScore()
    )
    assert links.true > 300
    assert 2 * links.correct / (links.predicted + links.true) >= least_f1
