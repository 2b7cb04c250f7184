"""The dense network's new parts: convex upsampling, sky without depth, classes and losses of open and raised scenes."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from unity_depth_perception.models.compact.dense.convex_upsampling import ConvexUpsampling, upsample
from unity_depth_perception.models.compact.dense.depth_network import CLASSES, DensePrediction
from unity_depth_perception.models.compact.depth import enlarge_depth
from unity_depth_perception.synthetic.random_scene import random_scene
from unity_depth_perception.synthetic.render import render
from unity_depth_perception.synthetic.scene import CATEGORIES
from unity_depth_perception.synthetic.variety import USUAL
from unity_depth_perception.training.compact.depth_network import class_losses, classes, depth_losses
from unity_depth_perception.training.data.batches import Batch
from unity_depth_perception.training.data.shards import floor_from_pose

CPU = torch.device("cpu")
SIZE = 160


def batch_of(kind: str, seeds: range) -> tuple[Batch, torch.Tensor]:
    """Scenes of a kind as a batch, and the height [m] of the point in each pixel above the first objects' level."""
    scenes = [random_scene(seed, SIZE, SIZE, variety=replace(USUAL, kind=kind)) for seed in seeds]
    rendering = render(scenes, CPU)
    category = torch.full((len(scenes), 32), -1)
    levels = torch.full((len(scenes), 8), torch.nan)
    for index, scene in enumerate(scenes):
        category[index, : len(scene.boxes)] = torch.tensor([CATEGORIES.index(box.category) for box in scene.boxes])
        levels[index, : len(scene.levels_m)] = torch.tensor(
            [scene.world_from_camera[2, 3] - level for level in scene.levels_m]
        )
    cameras = [scene.camera for scene in scenes]
    batch = Batch(
        image=rendering.image.permute(0, 3, 1, 2).float() / 255,
        depth_m=rendering.depth_m,
        instances=(rendering.boxes + 1).to(torch.uint8),
        category=category,
        intrinsics=torch.tensor([[c.fx, c.fy, c.cx, c.cy] for c in cameras], dtype=torch.float32),
        floor=torch.from_numpy(np.stack([floor_from_pose(scene.world_from_camera) for scene in scenes])),
        levels=levels,
        is_other_solid=rendering.is_other_solid,
    )
    heights = []
    for index, scene in enumerate(scenes):
        c, z = scene.camera, rendering.depth_m[index].double()
        v, u = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
        point = torch.stack([(u - c.cx) / c.fx * z, (v - c.cy) / c.fy * z, z])
        world = torch.from_numpy(scene.world_from_camera)
        heights.append((world[2, :3, None, None] * point).sum(dim=0) + world[2, 3])
    return batch, torch.stack(heights)


@pytest.mark.parametrize("kind", ["room", "open", "table"])
def test_classes_are_what_the_geometry_says(kind: str) -> None:
    batch, height_m = batch_of(kind, range(40, 52))
    found = classes(batch)
    of = {name: found == index for index, name in enumerate(CLASSES)}
    assert torch.equal(of["cube"] | of["parallelepiped"], batch.instances > 0)
    assert torch.equal(of["sky"], batch.depth_m.isinf())
    near = batch.depth_m < 20
    assert height_m[of["floor"] & near].abs().max() < 0.02
    lower_m = -(batch.levels.nan_to_num(-torch.inf).amax(dim=1) - batch.floor[:, 3])[:, None, None]
    assert not (((height_m - lower_m).abs() > 0.02) & of["lower floor"] & near).any()
    assert bool(of["lower floor"].any()) == (kind == "table")
    assert bool(of["sky"].any()) == (kind != "room")
    assert not (of["floor"] & (lower_m < -0.05) & ~batch.is_other_solid).any()  # no wall where it passes that level
    assert (of["clutter"] & ~batch.is_other_solid).sum() == 0


def test_losses_do_not_count_depth_of_the_sky() -> None:
    torch.manual_seed(0)
    error, is_object = 0.1 * torch.randn(2, 32, 32), torch.zeros(2, 32, 32, dtype=torch.bool)
    is_object[:, 20:28, 8:16] = True
    finite = torch.ones_like(is_object)
    finite[:, :10] = False
    there, far = error.clone(), error.clone()
    far[:, :10] = -torch.inf
    assert depth_losses(there, is_object, finite) == depth_losses(far, is_object, finite)
    far.requires_grad_()
    sum(depth_losses(far, is_object, finite).values()).backward()
    assert far.grad is not None
    assert torch.isfinite(far.grad).all()
    assert not far.grad[:, :10].any()


def test_class_loss_is_least_for_the_true_classes() -> None:
    true = torch.zeros(1, 8, 8, dtype=torch.int64)
    true[:, :4] = CLASSES.index("sky")
    one_hot = functional.one_hot(true, len(CLASSES)).permute(0, 3, 1, 2).float()
    right = DensePrediction(torch.zeros(1, 8, 8), (true == CLASSES.index("sky")).float(), 20 * one_hot[:, :, ::2, ::2])
    wrong = right._replace(sky=1 - right.sky, logits=-right.logits)
    assert sum(class_losses(right, true).values()) < 1e-3
    assert sum(class_losses(wrong, true).values()) > 1


def test_upsampling_begins_as_bilinear_and_stays_between_its_neighbours() -> None:
    torch.manual_seed(0)
    layer = ConvexUpsampling(12).eval()
    values = torch.randn(2, 3, 9, 7)
    coarse, fine = torch.randn(2, 8, 5, 4), torch.randn(2, 4, 9, 7)
    with torch.inference_mode():
        result = upsample(values, layer(coarse, fine))
        assert result.shape == (2, 3, 18, 14)
        bilinear = functional.interpolate(values, scale_factor=2, mode="bilinear", align_corners=False)
        assert torch.allclose(result, bilinear, atol=0.03)
        torch.nn.init.normal_(layer.layers[1].weight)
        result = upsample(values, layer(coarse, fine))
    padded = functional.pad(values, (1, 1, 1, 1), mode="replicate")
    highest = functional.interpolate(functional.max_pool2d(padded, 3, stride=1), scale_factor=2)
    lowest = -functional.interpolate(functional.max_pool2d(-padded, 3, stride=1), scale_factor=2)
    assert (result <= highest + 1e-5).all()
    assert (result >= lowest - 1e-5).all()


def test_upsampling_can_keep_a_step() -> None:
    """Weights that choose one neighbour: no value between the two sides."""
    values = torch.tensor([1.0, 1.0, 3.0, 3.0]).expand(1, 1, 4, 4)
    logits = torch.zeros(1, 9, 4, 4, 4)
    logits[:, 4] = 50
    assert set(upsample(values, logits.view(1, 36, 4, 4)).unique().tolist()) == {1.0, 3.0}


def test_sky_is_infinite_and_lends_its_depth_to_nobody() -> None:
    depth_m, sky = torch.full((8, 8), 2.0), torch.zeros(8, 8)
    depth_m[:4], sky[:4] = 50.0, 1.0
    large = enlarge_depth(depth_m, sky, 32, 32)
    assert large[:16].isinf().all()
    assert torch.allclose(large[16:], torch.tensor(2.0))
    in_corner = torch.zeros(8, 8)
    in_corner[0, 0] = 1.0
    without = enlarge_depth(depth_m, torch.zeros(8, 8), 32, 32)
    assert torch.allclose(enlarge_depth(depth_m, in_corner, 32, 32)[8:, 8:], without[8:, 8:])
    assert torch.equal(enlarge_depth(depth_m, torch.zeros(8, 8), 8, 8), depth_m)
    assert enlarge_depth(depth_m, torch.ones(8, 8), 32, 32).isinf().all()
