"""Losses of the cube scale: errors of cubes, predicted uncertainty of all objects, error of the fused plane."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from unity_depth_perception.models.compact.cube_scale import CubeEstimates, cube_estimate_losses
from unity_depth_perception.models.compact.floor_estimates import GroundPlaneEstimates

FLOOR = torch.tensor([0.0, 0.8, 0.6, 0.5])


def cube_estimates(log_height_off: list[float], log_sigma: Tensor) -> CubeEstimates:
    """Of objects half a metre above `FLOOR`, a metre away."""
    count = len(log_height_off)
    log_height = FLOOR[3].log() + torch.tensor(log_height_off)
    return CubeEstimates(torch.zeros(count), GroundPlaneEstimates(FLOOR[:3].expand(count, 3), log_height, log_sigma))


def losses_of(estimates: CubeEstimates, is_cube: list[bool]) -> dict[str, Tensor]:
    count = len(is_cube)
    return cube_estimate_losses(
        estimates, torch.zeros(count), FLOOR.expand(count, 4), torch.tensor(is_cube), torch.zeros(count)
    )


def test_exact_estimates_have_only_the_loss_of_their_uncertainty() -> None:
    exact = losses_of(cube_estimates([0.0, 0.0], torch.zeros(2)), [True, True])
    assert all(value.item() == pytest.approx(0, abs=1e-6) for value in exact.values())
    off = losses_of(cube_estimates([0.1, 0.1], torch.zeros(2)), [True, True])
    assert off["cube height"].item() == pytest.approx(0.2)
    assert off["fused floor"].item() == pytest.approx(0.2)
    assert off["cube depth"] == 0
    fitting, too_low = (
        losses_of(cube_estimates([0.1, 0.1], torch.full((2,), log_sigma)), [True, True]) for log_sigma in (-2.3, -4.0)
    )
    assert fitting["uncertainty"] < too_low["uncertainty"]  # exp(-2.3) = 0.1


def test_objects_that_are_not_cubes_train_the_uncertainty_alone() -> None:
    off, log_sigma = torch.tensor([0.0, 1.4], requires_grad=True), torch.zeros(2, requires_grad=True)
    estimates = cube_estimates([0.0, 0.0], log_sigma)
    floor = replace(estimates.floor, log_height=estimates.floor.log_height + off)
    losses = losses_of(replace(estimates, floor=floor), [True, False])
    assert losses["cube depth"] == losses["cube height"] == 0
    (losses["cube height"] + losses["uncertainty"]).backward()
    assert off.grad is not None
    assert off.grad[1] == 0
    assert log_sigma.grad is not None
    assert log_sigma.grad[1] < 0 < log_sigma.grad[0]  # off by 1.4, and exact: uncertainty should grow, and shrink


def test_images_without_a_cube_have_no_loss_of_the_fused_plane() -> None:
    estimates = cube_estimates([0.0, 0.7], torch.zeros(2))
    losses = cube_estimate_losses(
        estimates, torch.zeros(2), FLOOR.expand(2, 4), torch.tensor([True, False]), torch.tensor([0.0, 1.0])
    )
    assert losses["fused floor"].item() == pytest.approx(0, abs=1e-6)
