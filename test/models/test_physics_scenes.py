"""Parents in scenes that another simulator built and another renderer drew (see physics_scenes)."""

from __future__ import annotations

import pytest
import torch
from physics_scenes import physics_sample

from unity_depth_perception.evaluation.evaluator import Evaluator
from unity_depth_perception.evaluation.objects import LinkScore, score_objects
from unity_depth_perception.evaluation.truth import true_objects

bullet = pytest.importorskip("pybullet", reason="needs pybullet, of which PyPI has no wheel for this Python")
CPU = torch.device("cpu")


@pytest.mark.slow
@pytest.mark.parametrize("know_pose", [True, False])
def test_parents_from_true_depth_and_masks(know_pose: bool) -> None:
    """Stacks that physics settled, tipped over, leaning and hanging ones too; the truth is who bears the weight."""
    evaluator = Evaluator(None, None, CPU, use_camera_pose=know_pose)
    links = LinkScore()
    for seed in range(60, 110):
        sample = physics_sample(bullet, seed)
        links += score_objects(evaluator.process(sample), true_objects(sample, CPU)).links
    assert links.true > 60
    assert 2 * links.correct / (links.predicted + links.true) >= 0.96
