"""Depth at rims: steps lie on the contours of masks, no point is left between two surfaces."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from unity_depth_perception.ops.mask_rims import follow_masks

HEIGHT, WIDTH = 192, 256


def scene(angle: float = 0.3) -> tuple[Tensor, Tensor]:
    """Exact depth of a slanted background with a slanted tilted square 30 % nearer, and the instance image."""
    y, x = torch.meshgrid(torch.arange(HEIGHT) - 95.5, torch.arange(WIDTH) - 127.5, indexing="ij")
    background = 1 / (0.5 + 0.0005 * y)
    u, v = x * torch.cos(torch.tensor(angle)) + y * torch.sin(torch.tensor(angle)), y - angle * x
    inside = (u.abs() < 40) & (v.abs() < 35)
    return torch.where(inside, 1 / (0.75 + 0.0004 * x), background), inside.to(torch.uint8)


@pytest.mark.parametrize("cell", [2, 4, 6.4])
def test_enlarged_depth_gets_its_steps_back(cell: float) -> None:
    truth, instances = scene()
    grid = round(HEIGHT / cell), round(WIDTH / cell)
    small = functional.interpolate(truth[None, None], size=grid, mode="bilinear", antialias=True)
    blurred = functional.interpolate(small, size=(HEIGHT, WIDTH), mode="bilinear")[0, 0]
    sharp = follow_masks(blurred, instances, grid)
    error, before = (sharp / truth - 1).abs(), (blurred / truth - 1).abs()
    assert before.max() > 0.15
    assert error.max() < 0.03
    far = before < 1e-3
    assert error[far].mean() < 2e-3  # what was right stays right


def test_depth_may_lie_in_memory_column_by_column() -> None:
    truth, instances = scene()
    small = functional.interpolate(truth[None, None], size=(48, 64), mode="bilinear", antialias=True)
    blurred = functional.interpolate(small, size=(HEIGHT, WIDTH), mode="bilinear")[0, 0]
    by_column = blurred.T.contiguous().T
    assert torch.equal(follow_masks(by_column, instances, (48, 64)), follow_masks(blurred, instances, (48, 64)))


def test_without_objects_depth_is_returned_as_it_is() -> None:
    depth = torch.rand(HEIGHT, WIDTH)
    assert follow_masks(depth, torch.zeros(HEIGHT, WIDTH, dtype=torch.uint8), (48, 64)) is depth


def test_without_any_depth_there_is_none_afterwards() -> None:
    _, instances = scene()
    assert follow_masks(torch.full((HEIGHT, WIDTH), torch.nan), instances, (48, 64)).isnan().all()


def test_an_object_too_small_for_a_cell_keeps_its_depth() -> None:
    truth, instances = torch.full((HEIGHT, WIDTH), 2.0), torch.zeros(HEIGHT, WIDTH, dtype=torch.uint8)
    truth[50:53, 60:63] = 1.0
    instances[50:53, 60:63] = 1
    assert torch.equal(follow_masks(truth, instances, (48, 64))[50:53, 60:63], truth[50:53, 60:63])


def test_the_sky_beside_an_object_stays_the_sky_and_the_object_gets_none() -> None:
    truth, instances = scene()
    truth[instances == 0] = torch.inf
    bled = truth.clone()
    bled[:, :100] = torch.inf  # the sky of the network covers a part of the object
    sharp = follow_masks(bled, instances, (48, 64))
    assert sharp[instances == 0].isinf().all()
    lost = instances.bool() & sharp.isinf()
    assert lost.sum() < 0.3 * (instances.bool() & bled.isinf()).sum()
    assert (sharp / truth - 1)[instances.bool() & ~lost].abs().max() < 0.03


def test_invalid_depth_spreads_to_nobody() -> None:
    truth, instances = scene()
    holes = truth.clone()
    holes[60:70, 120:130] = torch.nan
    sharp = follow_masks(holes, instances, (48, 64))
    assert (sharp / truth - 1).abs().nan_to_num(0.0).max() < 0.03
    assert sharp.isnan().sum() <= holes.isnan().sum()


def test_touching_objects_keep_their_own_depth() -> None:
    instances = torch.zeros(HEIGHT, WIDTH, dtype=torch.int32)
    instances[40:150, 60:120], instances[60:150, 120:200] = 1, 2
    truth = torch.tensor([3.0, 1.0, 1.5])[instances.long()]
    small = functional.interpolate(truth[None, None], size=(48, 64), mode="bilinear", antialias=True)
    blurred = functional.interpolate(small, size=(HEIGHT, WIDTH), mode="bilinear")[0, 0]
    assert (follow_masks(blurred, instances, (48, 64)) / truth - 1).abs().max() < 0.05
