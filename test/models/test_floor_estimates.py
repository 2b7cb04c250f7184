"""Several readings of one floor."""

import math

import pytest
import torch

from unity_depth_perception.models.compact.floor_estimates import GroundPlaneEstimates, estimate_errors, laplace_nll


def reading(log_height: float, normal: tuple[float, float, float], log_sigma: float) -> GroundPlaneEstimates:
    return GroundPlaneEstimates(torch.tensor([normal]), torch.tensor([log_height]), torch.tensor([log_sigma]))


def test_the_surer_reading_counts_more() -> None:
    sure, doubtful = reading(0.0, (0.0, 1.0, 0.0), -1.0), reading(1.0, (0.0, 0.0, 1.0), -0.5)
    normal, log_height = GroundPlaneEstimates.concatenate([sure, doubtful]).fuse()
    assert log_height.item() == pytest.approx(1 / (1 + math.exp(3)), abs=1e-4)
    assert normal.norm().item() == pytest.approx(1)
    assert normal[1] > 0.99
    normal, log_height = GroundPlaneEstimates.concatenate([sure, sure]).fuse()
    assert log_height.item() == 0
    assert normal.tolist() == [0, 1, 0]


def test_a_reading_of_what_is_hardly_a_cube_counts_little_however_sure_it_is() -> None:
    sure = GroundPlaneEstimates.concatenate([reading(0.0, (0.0, 1.0, 0.0), -3.0), reading(1.0, (0.0, 1.0, 0.0), -3.0)])
    assert sure.fuse(torch.tensor([0.9, 0.1]))[1].item() < 1e-3
    assert sure.fuse(torch.zeros(2))[1].item() == pytest.approx(0.5)  # neither is worth more than the other
    both = GroundPlaneEstimates.concatenate([reading(0.0, (0.0, 1.0, 0.0), -2.0), reading(1.0, (0.0, 1.0, 0.0), -4.0)])
    assert both.fuse()[1].item() > 0.99
    assert both.fuse(torch.tensor([1.0, 0.1]))[1].item() < 0.05  # a doubtful cube before a sure something


def test_a_doubtful_reading_counts_no_more_for_being_of_nothing() -> None:
    both = GroundPlaneEstimates.concatenate([reading(0.0, (0.0, 1.0, 0.0), 0.0), reading(1.0, (0.0, 1.0, 0.0), 0.0)])
    assert both.fuse(torch.tensor([1.0, 0.0]))[1].item() == pytest.approx(0.5)


def test_what_a_mirror_shows_is_turned_back() -> None:
    both = GroundPlaneEstimates.concatenate([reading(0.0, (0.6, 0.8, 0.0), 0.0), reading(0.0, (-0.6, 0.8, 0.0), 0.0)])
    back = both.unflip(torch.tensor([False, True]))
    assert torch.equal(back.normal[0], back.normal[1])


def test_another_unit_changes_heights_alone() -> None:
    metres = reading(0.0, (0.0, 1.0, 0.0), -1.0)
    doubled = metres.scaled(math.log(2))
    assert doubled.log_height.exp().item() == pytest.approx(2)
    assert torch.equal(doubled.normal, metres.normal)


def test_doubt_costs_least_where_it_is_as_large_as_the_error() -> None:
    tilt, height = estimate_errors(reading(0.1, (0.0, 1.0, 0.0), 0.0), torch.tensor([[0.0, 1.0, 0.0]]), torch.zeros(1))
    assert tilt.item() == 0
    assert height.item() == pytest.approx(0.1)
    doubts = torch.linspace(-4, 0, 81)
    costs = torch.stack([laplace_nll(height, doubt[None]) for doubt in doubts])
    assert doubts[costs.argmin()].item() == pytest.approx(math.log(0.1), abs=0.03)
