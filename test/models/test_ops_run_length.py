"""Run-length encoding of instance images, against torch operations on pixels."""

from __future__ import annotations

import pytest
import torch

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.ops.run_length import run_lengths


def scattered(share: float, dtype: torch.dtype = torch.uint8) -> torch.Tensor:
    """An instance image (23, 31) of objects 1..5, the fourth without a pixel, that cover about a share of it."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.tensor([1, 2, 3, 5])[torch.randint(0, 4, (23, 31), generator=generator)]
    return torch.where(torch.rand(23, 31, generator=generator) < share, labels, 0).to(dtype)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.7, 1.0])
def test_run_lengths_count_and_list_the_pixels_of_each_object(share: float, dtype: torch.dtype) -> None:
    instances = scattered(share, dtype)
    runs = run_lengths(instances, 5)
    masks = torch.stack([instances == k for k in range(1, 6)])  # (N, H, W)
    assert torch.equal(runs.per_object(), masks.sum((1, 2)))
    assert torch.equal(runs.per_row(23), masks.sum(2))
    assert torch.equal(runs.per_column(31), masks.sum(1))
    in_raster_order = [mask.flatten().nonzero().squeeze(1) for mask in masks]
    assert torch.equal(runs.pixels(31), torch.cat(in_raster_order))


def test_run_ends_at_the_end_of_its_row() -> None:
    runs = run_lengths(torch.ones(3, 4, dtype=torch.uint8), 1)
    assert runs.row.tolist() == [0, 1, 2]
    assert runs.column.tolist() == [0, 0, 0]
    assert runs.length.tolist() == [4, 4, 4]


@pytest.mark.parametrize("shape", [(0, 4), (4, 0), (3, 3)])
def test_image_without_objects_has_no_runs(shape: tuple[int, int]) -> None:
    runs = run_lengths(torch.zeros(shape, dtype=torch.uint8), 2)
    assert runs.per_object().tolist() == [0, 0]
    assert runs.per_column(shape[1]).shape == (2, shape[1])
    assert len(runs.pixels(shape[1])) == 0


@pytest.mark.parametrize("label", [-1, 6])
def test_values_without_an_object_are_refused(label: int) -> None:
    instances = scattered(0.5, torch.int32)
    instances[3, 4] = label
    with pytest.raises(InputError, match=r"expected instance values 0\.\.5 for 5 objects, got"):
        run_lengths(instances, 5)


@pytest.mark.gpu
def test_run_lengths_on_a_gpu_equal_those_on_the_cpu() -> None:
    instances = scattered(0.6)
    here, there = run_lengths(instances, 5), run_lengths(instances.cuda(), 5)
    assert torch.equal(here.pixels(31), there.pixels(31).cpu())
    assert torch.equal(here.per_column(31), there.per_column(31).cpu())
