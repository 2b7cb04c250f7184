"""SILog loss: zero for the truth, a known value for a wrong scale, independent of pixels without true depth."""

import math

import pytest
import torch

from unity_depth_perception.training.fine_tuning.silog import SCALE_SHARE, log_ratios, silog


def truth() -> torch.Tensor:
    return torch.linspace(0.5, 4.0, 2 * 6 * 8).view(2, 6, 8)


def test_silog_of_the_truth_is_zero_with_a_finite_gradient() -> None:
    log_depth = truth().log().requires_grad_()
    loss = silog(log_depth, truth())
    assert loss.item() == pytest.approx(0, abs=2e-4)
    loss.backward()
    assert log_depth.grad is not None
    assert torch.isfinite(log_depth.grad).all()


@pytest.mark.parametrize("factor", [0.14, 0.9, 1.1, 7.0])
def test_silog_of_a_wrong_scale_follows_the_formula(factor: float) -> None:
    loss = silog((factor * truth()).log(), truth())
    assert loss.item() == pytest.approx(abs(math.log(factor)) * math.sqrt(1 - SCALE_SHARE), rel=1e-3)


def test_silog_gradient_points_towards_the_true_scale() -> None:
    log_depth = (7 * truth()).log().requires_grad_()
    silog(log_depth, truth()).backward()
    assert log_depth.grad is not None
    assert (log_depth.grad > 0).all()  # too far everywhere: descent comes nearer


@pytest.mark.parametrize("unknown", [math.nan, math.inf, 0.0, -1.0])
def test_silog_ignores_pixels_without_true_depth(unknown: float) -> None:
    true = truth()
    true[:, :2] = unknown
    log_depth = (1.2 * truth()).log().requires_grad_()
    loss = silog(log_depth, true)
    assert loss.item() == pytest.approx(math.log(1.2) * math.sqrt(1 - SCALE_SHARE), rel=1e-3)
    loss.backward()
    assert log_depth.grad is not None
    assert (log_depth.grad[:, :2] == 0).all()
    assert (log_depth.grad[:, 2:] != 0).all()


def test_silog_ignores_images_without_true_depth() -> None:
    true = truth()
    alone = silog((1.3 * true[:1]).log(), true[:1])
    true[1] = math.nan
    log_depth = (1.3 * truth()).log().requires_grad_()
    both = silog(log_depth, true)
    assert both.item() == pytest.approx(alone.item())
    both.backward()
    assert log_depth.grad is not None
    assert torch.isfinite(log_depth.grad).all()
    assert silog(log_depth, torch.full_like(true, math.inf)).item() == 0


def test_log_ratios_are_the_log_scale_errors_of_the_images() -> None:
    true = truth()
    true[0, 0] = math.nan
    log_depth = torch.stack([true[0] / 3, true[1] * 2]).log()
    log_depth[1, :2] += 5  # a third of the pixels is wild
    assert log_ratios(log_depth, true) == pytest.approx([math.log(3), -math.log(2)], abs=1e-5)
    assert log_ratios(log_depth, torch.full_like(true, math.nan)) == []
