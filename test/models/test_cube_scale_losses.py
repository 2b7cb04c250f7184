"""What the cube_scale learns from: errors of cubes, doubt of all, and what an image's objects agree on."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from unity_depth_perception.models.compact.cube_scale import CubeEstimates, cube_estimate_losses
from unity_depth_perception.models.compact.floor_estimates import GroundPlaneEstimates

FLOOR = torch.tensor([0.0, 0.8, 0.6, 0.5])


def sightings(log_height_off: list[float], log_sigma: Tensor) -> CubeEstimates:
    """Of objects half a metre above `FLOOR`, a metre away."""
    count = len(log_height_off)
    log_height = FLOOR[3].log() + torch.tensor(log_height_off)
    return CubeEstimates(torch.zeros(count), GroundPlaneEstimates(FLOOR[:3].expand(count, 3), log_height, log_sigma))


def losses_of(said: CubeEstimates, is_cube: list[bool]) -> dict[str, Tensor]:
    count = len(is_cube)
    return cube_estimate_losses(
        said, torch.zeros(count), FLOOR.expand(count, 4), torch.tensor(is_cube), torch.zeros(count)
    )


def test_sightings_that_are_true_cost_nothing_but_their_doubt() -> None:
    exact = losses_of(sightings([0.0, 0.0], torch.zeros(2)), [True, True])
    assert all(value.item() == pytest.approx(0, abs=1e-6) for value in exact.values())
    off = losses_of(sightings([0.1, 0.1], torch.zeros(2)), [True, True])
    assert off["cube height"].item() == pytest.approx(0.2)
    assert off["fused floor"].item() == pytest.approx(0.2)
    assert off["cube depth"] == 0
    doubtful, sure = (losses_of(sightings([0.1, 0.1], torch.full((2,), doubt)), [True, True]) for doubt in (-2.3, -4.0))
    assert doubtful["uncertainty"] < sure["uncertainty"]  # exp(-2.3) = 0.1


def test_what_is_no_cube_teaches_nothing_but_doubt() -> None:
    off, log_sigma = torch.tensor([0.0, 1.4], requires_grad=True), torch.zeros(2, requires_grad=True)
    said = sightings([0.0, 0.0], log_sigma)
    floor = replace(said.floor, log_height=said.floor.log_height + off)
    losses = losses_of(replace(said, floor=floor), [True, False])
    assert losses["cube depth"] == losses["cube height"] == 0
    (losses["cube height"] + losses["uncertainty"]).backward()
    assert off.grad is not None
    assert off.grad[1] == 0
    assert log_sigma.grad is not None
    assert log_sigma.grad[1] < 0 < log_sigma.grad[0]  # off by 1.4, and exact: doubt should grow, and shrink


def test_of_images_without_a_cube_nothing_is_agreed_on() -> None:
    said = sightings([0.0, 0.7], torch.zeros(2))
    losses = cube_estimate_losses(
        said, torch.zeros(2), FLOOR.expand(2, 4), torch.tensor([True, False]), torch.tensor([0.0, 1.0])
    )
    assert losses["fused floor"].item() == pytest.approx(0, abs=1e-6)
