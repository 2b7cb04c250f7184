"""Ground-plane estimates: fusion by expected error, flips, units and the loss of the predicted uncertainty."""

import math

import pytest
import torch

from unity_depth_perception.models.compact.floor_estimates import (
    GroundPlaneEstimates,
    decode_normal,
    estimate_errors,
    laplace_nll,
)


def estimate(log_height: float, normal: tuple[float, float, float], log_sigma: float) -> GroundPlaneEstimates:
    return GroundPlaneEstimates(torch.tensor([normal]), torch.tensor([log_height]), torch.tensor([log_sigma]))


def test_fusion_weights_estimates_by_the_sixth_power_of_their_expected_error() -> None:
    confident, uncertain = estimate(0.0, (0.0, 1.0, 0.0), -1.0), estimate(1.0, (0.0, 0.0, 1.0), -0.5)
    normal, log_height = GroundPlaneEstimates.concatenate([confident, uncertain]).fuse()
    assert log_height.item() == pytest.approx(1 / (1 + math.exp(3)), abs=1e-4)
    assert normal.norm().item() == pytest.approx(1)
    assert normal[1] > 0.99


def test_fusion_of_equal_estimates_is_that_estimate() -> None:
    one = estimate(0.3, (0.0, 1.0, 0.0), -1.0)
    normal, log_height = GroundPlaneEstimates.concatenate([one, one]).fuse()
    assert log_height.item() == pytest.approx(0.3)
    assert normal.tolist() == [0, 1, 0]


def test_another_unit_of_length_changes_heights_alone() -> None:
    metres = estimate(0.0, (0.0, 1.0, 0.0), -1.0)
    doubled = metres.scaled(math.log(2))
    assert doubled.log_height.exp().item() == pytest.approx(2)
    assert torch.equal(doubled.normal, metres.normal)


def test_untrained_networks_predict_a_camera_that_looks_down() -> None:
    normal = decode_normal(torch.zeros(2, 3))
    assert torch.allclose(normal, torch.tensor([[0.0, 0.8, 0.6]]).expand(2, 3))
    assert decode_normal(torch.randn(9, 3)).norm(dim=1).numpy() == pytest.approx(1)


def test_negative_log_likelihood_is_least_where_the_expected_error_is_the_error() -> None:
    truth = torch.tensor([[0.0, 1.0, 0.0]])
    tilt, height = estimate_errors(estimate(0.1, (0.0, 1.0, 0.0), 0.0), truth, torch.zeros(1))
    assert tilt.item() == 0
    assert height.item() == pytest.approx(0.1)
    log_sigmas = torch.linspace(-4, 0, 81)
    losses = torch.stack([laplace_nll(height, log_sigma[None]) for log_sigma in log_sigmas])
    assert log_sigmas[losses.argmin()].item() == pytest.approx(math.log(0.1), abs=0.03)
