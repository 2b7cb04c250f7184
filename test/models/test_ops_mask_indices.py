"""Indices of the pixels of a mask and of those of each object, against Tensor.nonzero."""

from __future__ import annotations

import pytest
import torch
from simulated_gpu import GPU, simulated_gpu

from unity_depth_perception.ops.mask_indices import by_label, set_pixels


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 1.0])
@pytest.mark.parametrize("shape", [(37, 53), (1, 9), (0, 4)])
def test_indices_equal_those_of_nonzero_in_raster_order(share: float, shape: tuple[int, int]) -> None:
    mask = torch.rand(shape, generator=torch.Generator().manual_seed(0)) < share
    assert torch.equal(set_pixels(mask), mask.flatten().nonzero().squeeze(1))
    assert set_pixels(mask).dtype == torch.int64


def test_views_of_any_strides_are_indexed_in_raster_order() -> None:
    mask = torch.rand((7, 5), generator=torch.Generator().manual_seed(0)) < 0.4
    for view in (mask.T, mask.flip(0), mask.T.flip(0), mask[::2, 1:]):
        assert torch.equal(set_pixels(view), view.flatten().nonzero().squeeze(1))


@pytest.mark.parametrize("values", [(), (3,), (2, 0, 2, 9, 0, 2)])
def test_places_of_each_label_are_the_same_on_a_gpu_with_two_waits(values: tuple[int, ...]) -> None:
    labels = torch.tensor(values, dtype=torch.int64)
    found = [(label, places.tolist()) for label, places in by_label(labels)]
    assert found == [(label, (labels == label).nonzero().flatten().tolist()) for label in sorted(set(values))]
    with simulated_gpu() as waits:
        on_gpu = labels.to(GPU)
        waits.clear()
        again = by_label(on_gpu)
        assert sum(waits.values()) <= 2
        assert [(label, places.tolist()) for label, places in again] == found


@pytest.mark.gpu
def test_indices_on_a_gpu_equal_those_on_the_cpu() -> None:
    mask = torch.rand((64, 64), generator=torch.Generator().manual_seed(0)) < 0.3
    assert torch.equal(set_pixels(mask.cuda()).cpu(), set_pixels(mask))
