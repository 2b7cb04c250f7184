"""Batches: images, depth, masks and cameras stay consistent under crops and flips; targets and losses of them."""

import numpy as np
import pytest
import torch

from unity_depth_perception.models.compact.dense.depth_network import CLASSES
from unity_depth_perception.synthetic.scene import CATEGORIES
from unity_depth_perception.training.compact.depth_network import classes, depth_losses
from unity_depth_perception.training.data.batches import Batch, draw_batch, ray_channels
from unity_depth_perception.training.data.detection_targets import detection_targets
from unity_depth_perception.training.data.shards import Shard

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def batch(shard: Shard) -> Batch:
    return draw_batch([shard], np.random.default_rng(4), 6, 192 * 192, CPU, least_crop=0.6)


def test_batch_keeps_the_floor_flat(batch: Batch) -> None:
    """Cropped, resized and flipped, the floor is still a plane only if depth and camera are transformed alike."""
    height, width = batch.depth_m.shape[1:]
    rays = ray_channels(batch.intrinsics, height, width)
    flat = 0
    for index in range(len(batch.image)):
        z = batch.depth_m[index]
        rows = slice(height - 24, height)  # near the lower border: floor, but for objects
        is_floor = batch.instances[index, rows] == 0
        points = torch.stack([rays[index, 0] * z, rays[index, 1] * z, z], dim=-1)[rows][is_floor].double()
        centred = points - points.mean(dim=0)
        thickness = torch.linalg.svdvals(centred)[-1] / np.sqrt(len(points))
        flat += bool(thickness < 2e-3 * z[rows].mean())
    assert flat >= 5  # a wall may reach down to the border


def test_batch_floor_fits_its_lowest_points(batch: Batch) -> None:
    """The lowest points of each image lie on the floor plane of the batch."""
    height, width = batch.depth_m.shape[1:]
    rays = ray_channels(batch.intrinsics, height, width)
    z = batch.depth_m
    points = torch.stack([rays[:, 0] * z, rays[:, 1] * z, z], dim=1)  # (B, 3, H, W)
    below = (points * batch.floor[:, :3, None, None]).sum(dim=1)  # distance below the camera
    lowest = below.flatten(1).quantile(0.98, dim=1)
    assert torch.allclose(lowest, batch.floor[:, 3], rtol=5e-3)


def test_classes_match_the_objects(batch: Batch) -> None:
    found = classes(batch)
    assert torch.equal(found > 1, batch.instances > 0)
    for index, k in ((0, 1), (1, 1), (2, 1)):
        mask = batch.instances[index] == k
        if mask.any():
            assert (
                CLASSES[int(found[index][mask].unique())] == CATEGORIES[batch.category[index, k - 1]].rpartition("_")[2]
            )


def test_batch_depends_on_its_seed(shard: Shard) -> None:
    first, again, other = (
        draw_batch([shard], np.random.default_rng(seed), 4, 96 * 96, CPU, least_crop=0.6) for seed in (1, 1, 2)
    )
    assert torch.equal(first.depth_m, again.depth_m)
    assert first.depth_m.shape != other.depth_m.shape or not torch.equal(first.depth_m, other.depth_m)


def test_detection_targets_match_the_instance_image(batch: Batch) -> None:
    for index in range(len(batch.image)):
        targets = detection_targets(batch, index)
        assert len(targets["boxes"]) == len(targets["labels"]) == len(targets["masks"]) > 0
        for box, label, mask in zip(targets["boxes"], targets["labels"], targets["masks"], strict=True):
            ys, xs = mask.nonzero().T
            assert box.tolist() == [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
            instance = batch.instances[index][mask.bool()].unique()
            assert len(instance) == 1
            assert batch.category[index, int(instance) - 1] + 1 == label
            assert 1 <= label <= len(CATEGORIES)


def test_depth_losses_are_zero_for_the_truth_and_weight_objects() -> None:
    mask = torch.zeros(1, 32, 32, dtype=torch.bool)
    mask[:, :8, :8] = True
    known = torch.ones_like(mask)
    exact = depth_losses(torch.zeros(1, 32, 32), mask, known)
    assert all(value == 0 for value in exact.values())
    scaled = depth_losses(torch.full((1, 32, 32), 0.1), mask, known)
    assert scaled["log depth"].item() == pytest.approx(0.1)
    assert scaled["gradient"] == 0
    on_object = depth_losses(torch.where(mask, 0.1, 0.0), mask, known)
    assert on_object["log depth"].item() == pytest.approx(0.04)  # objects hold 40 % of the weight
