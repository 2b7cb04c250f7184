"""Scale by vote: estimates that contradict each other are not averaged; medians of depth within masks."""

import math

import pytest
import torch

from unity_depth_perception.models.compact.cube_scale import CubeEstimates
from unity_depth_perception.models.compact.floor_estimates import GroundPlaneEstimates
from unity_depth_perception.models.compact.scale_vote import log_depth_in_masks, readings, vote


def test_a_bar_s_end_that_looks_like_a_cube_is_outvoted() -> None:
    """Two sure estimates contradict each other: 0.74 m of a cube and 1.55 m of a bar; a poor third one decides."""
    estimates = torch.tensor([0.74, 1.55, 0.83]).log()
    assert vote(estimates, torch.tensor([-2.5, -2.5, -1.0])).exp().item() == pytest.approx(0.74, rel=0.01)
    assert vote(estimates[[0, 1]], torch.tensor([-2.5, -2.6])).exp().item() in (
        pytest.approx(0.74, rel=1e-5),
        pytest.approx(1.55, rel=1e-5),
    )


def test_agreeing_estimates_are_averaged_by_their_expected_errors() -> None:
    log_scale, log_sigma = torch.tensor([0.00, 0.10]), torch.tensor([-2.0, -1.5])
    assert vote(log_scale, log_sigma).item() == pytest.approx(0.1 / (1 + math.exp(2)), rel=1e-5)
    assert vote(log_scale[:1], log_sigma[:1]).item() == 0


def test_many_agreeing_estimates_outvote_one_of_the_same_certainty() -> None:
    log_scale = torch.tensor([1.0, 0.02, 0.0, 0.01])
    assert abs(vote(log_scale, torch.full((4,), -2.0)).item()) < 0.02


def test_depth_is_read_inside_the_masks_alone() -> None:
    log_depth = torch.zeros(40, 60)
    log_depth[10:20, 30:45] = 1.0
    box = torch.tensor([[28 / 60, 8 / 40, 47 / 60, 22 / 40]])
    mask = torch.zeros(1, 28, 28)
    mask[:, 6:22, 5:23] = 1
    assert log_depth_in_masks(log_depth, box, mask).tolist() == [1]
    assert log_depth_in_masks(log_depth, box, 1 - mask).tolist() == [0]
    everywhere = log_depth_in_masks(log_depth, torch.tensor([[0.0, 0, 0.4, 0.9]]), torch.zeros(1, 28, 28))
    assert everywhere.tolist() == [0]  # an empty mask reads all of its box
    assert log_depth_in_masks(log_depth, torch.zeros(0, 4), torch.zeros(0, 28, 28)).shape == (0,)


def test_an_object_votes_with_the_mean_of_its_distance_and_its_height() -> None:
    floor = GroundPlaneEstimates(torch.tensor([[0.0, 1.0, 0.0]]), torch.tensor([0.4]), torch.tensor([-2.0]))
    estimates = CubeEstimates(log_depth=torch.tensor([1.0]), floor=floor)
    assert readings(estimates, torch.tensor([0.8])).tolist() == [pytest.approx((0.2 + 0.4) / 2)]
