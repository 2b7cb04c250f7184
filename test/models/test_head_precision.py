"""Precision of the head: float16 where depth stays within the tolerance, else float32."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from da2_models import TINY
from da3_networks import CPU, reduced, spread
from omegaconf import OmegaConf
from torch import nn

from unity_depth_perception.models.depth_anything_2.network import DepthAnythingV2Network
from unity_depth_perception.models.depth_anything_3.network import DepthAnything3Network
from unity_depth_perception.models.runtime import head_precision as head_precision_module
from unity_depth_perception.models.runtime.head_precision import (
    TOLERANCE,
    choose_head_precision,
    head_precision,
    random_image,
    relative_change_p99,
)


@pytest.fixture(autouse=True)
def _small_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """This processor may have no float16 of its own, and then takes its time."""
    monkeypatch.setattr(head_precision_module, "_IMAGE_PX", 56)


def any_view() -> tuple[DepthAnything3Network, nn.Module]:
    return _branch("da3-small")


def metric() -> tuple[DepthAnything3Network, nn.Module]:
    return _branch("da3metric-large")


def v2() -> tuple[DepthAnythingV2Network, nn.Module]:
    torch.manual_seed(0)
    network = DepthAnythingV2Network(replace(TINY, hidden_size=96, neck=(24, 48, 96, 96), fusion=32))
    spread(network)
    return network, network.net.head.conv3


def _branch(architecture: str) -> tuple[DepthAnything3Network, nn.Module]:
    from depth_anything_3.cfg import create_object

    torch.manual_seed(0)
    branch = DepthAnything3Network(spread(create_object(OmegaConf.create(reduced(architecture)))))
    return branch, branch.net.head.scratch.output_conv2[-1]


def spread_depth(network: Any, last: Any, inverse: Any, near: float, far: float) -> None:
    """Turn the last layer so that depth goes from `near` to `far`; `inverse` undoes the activation after it."""
    logits = inverse(network.depth_of(random_image(CPU)))
    low, high = logits.quantile(0.01), logits.quantile(0.99)
    first, last_logit = inverse(torch.tensor([near, far]))
    factor = (last_logit - first) / (high - low)
    last.weight[0] *= factor
    last.bias[0] = (last.bias[0] - low) * factor + first


@pytest.mark.parametrize(
    ("make", "inverse", "unit_m"), [(any_view, torch.log, 1.0), (metric, torch.log, 1.0), (v2, torch.logit, 20.0)]
)
@torch.no_grad()
def test_a_head_in_float16_keeps_depth_from_30_cm_to_10_m(make: Any, inverse: Any, unit_m: float) -> None:
    network, last = make()
    spread_depth(network, last, inverse, 0.3 / unit_m, 10 / unit_m)
    exact = network.depth_of(random_image(CPU))
    network.head_precision = torch.float16
    depth = network.depth_of(random_image(CPU))
    assert depth.dtype == torch.float32
    assert relative_change_p99(depth, exact) <= TOLERANCE
    assert 0 < float((depth / exact - 1).abs().median()) < TOLERANCE / 2
    choose_head_precision(network, torch.float16, CPU)
    assert network.head_precision == torch.float16


@torch.no_grad()
def test_head_that_overflows_in_float16_runs_in_float32_with_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    network, _ = metric()
    exact = network.depth_of(random_image(CPU))
    head = network.net.head
    head.scratch.output_conv1.weight *= 1e6
    head.scratch.output_conv1.bias *= 1e6
    head.scratch.output_conv2[0].weight /= 1e6
    choose_head_precision(network, torch.float16, CPU)
    assert network.head_precision == torch.float32
    torch.testing.assert_close(network.depth_of(random_image(CPU)), exact, rtol=1e-3, atol=0)
    assert caplog.messages == ["the head in torch.float16 changes depth by nan %: running it in float32"]


def test_head_in_float16_is_tried_only_on_a_gpu() -> None:
    gpu = torch.device("cuda")
    assert head_precision(torch.bfloat16, gpu) == head_precision(torch.float16, gpu) == torch.float16
    assert head_precision(torch.float32, gpu) == torch.float32
    assert head_precision(torch.bfloat16, CPU) == torch.float32


@pytest.mark.gpu
@torch.inference_mode()
def test_head_runs_in_float16_on_a_gpu() -> None:
    network, _ = metric()
    device = torch.device("cuda")
    network.to(device).set_precision(torch.bfloat16)
    choose_head_precision(network, head_precision(torch.bfloat16, device), device)
    assert network.head_precision == torch.float16
