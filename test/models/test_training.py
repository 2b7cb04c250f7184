"""Training: batches keep images, depth, masks and cameras together; a run that was cut off goes on as if whole."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tiny_training import noisy_steps
from torch import Tensor, nn

from unity_depth_perception.core.errors import ConfigurationError
from unity_depth_perception.models.crops import CROP_PX, MASK_PX, coloured, cut_out
from unity_depth_perception.models.depth_network import CLASSES, CompactDepthNetwork
from unity_depth_perception.models.floor_readings import FloorReadings
from unity_depth_perception.models.segmentation_network import compact_mask_rcnn
from unity_depth_perception.models.weights import save_weights
from unity_depth_perception.models.yardstick import Sightings, YardstickNetwork, sighting_losses
from unity_depth_perception.synthetic.scene import CATEGORIES, LEAST_VISIBLE_RATIO
from unity_depth_perception.training.batches import Batch, draw_batch, ray_channels
from unity_depth_perception.training.depth import classes, depth_losses, train_depth
from unity_depth_perception.training.finds import Finder, draw_cutouts, reframed
from unity_depth_perception.training.loop import TrainingConfig, fit
from unity_depth_perception.training.pool import SHARD_IMAGES, ScenePool, Shard, fill
from unity_depth_perception.training.segmentation import train_segmentation
from unity_depth_perception.training.target import target

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one rendered shard."""
    folder = tmp_path_factory.mktemp("pool")
    threads = torch.get_num_threads()
    fill(folder, 1)
    torch.set_num_threads(threads)
    return folder


def shards_of(pool: Path) -> list[Shard]:
    return ScenePool(pool, SHARD_IMAGES).available()


@pytest.fixture(scope="module")
def batch(pool: Path) -> Batch:
    return draw_batch(shards_of(pool), np.random.default_rng(4), 6, 192 * 192, CPU, least_crop=0.6)


def test_a_batch_keeps_the_floor_flat(batch: Batch) -> None:
    """Cropped, resized and mirrored, the floor is still a plane: only if depth and camera went through the same."""
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


def test_a_batch_knows_its_floor(batch: Batch) -> None:
    """The lowest points of each image, cropped or mirrored, lie on the plane that the batch names."""
    height, width = batch.depth_m.shape[1:]
    rays = ray_channels(batch.intrinsics, height, width)
    z = batch.depth_m
    points = torch.stack([rays[:, 0] * z, rays[:, 1] * z, z], dim=1)  # (B, 3, H, W)
    below = (points * batch.floor[:, :3, None, None]).sum(dim=1)  # distance below the camera
    lowest = below.flatten(1).quantile(0.98, dim=1)
    assert torch.allclose(lowest, batch.floor[:, 3], rtol=5e-3)


def test_classes_are_those_of_the_objects(batch: Batch) -> None:
    found = classes(batch)
    assert torch.equal(found > 1, batch.instances > 0)
    for index, k in ((0, 1), (1, 1), (2, 1)):
        mask = batch.instances[index] == k
        if mask.any():
            assert (
                CLASSES[int(found[index][mask].unique())] == CATEGORIES[batch.category[index, k - 1]].rpartition("_")[2]
            )


def test_a_batch_draws_anew_from_another_seed(pool: Path) -> None:
    first, again, other = (
        draw_batch(shards_of(pool), np.random.default_rng(seed), 4, 96 * 96, CPU, least_crop=0.6) for seed in (1, 1, 2)
    )
    assert torch.equal(first.depth_m, again.depth_m)
    assert first.depth_m.shape != other.depth_m.shape or not torch.equal(first.depth_m, other.depth_m)


def test_targets_name_boxes_labels_and_masks(batch: Batch) -> None:
    for index in range(len(batch.image)):
        found = target(batch, index)
        assert len(found["boxes"]) == len(found["labels"]) == len(found["masks"]) > 0
        for box, label, mask in zip(found["boxes"], found["labels"], found["masks"], strict=True):
            ys, xs = mask.nonzero().T
            assert box.tolist() == [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
            instance = batch.instances[index][mask.bool()].unique()
            assert len(instance) == 1
            assert batch.category[index, int(instance) - 1] + 1 == label
            assert 1 <= label <= len(CATEGORIES)


def test_depth_losses_are_zero_for_the_truth_and_see_a_scale_error_everywhere() -> None:
    mask = torch.zeros(1, 32, 32, dtype=torch.bool)
    mask[:, :8, :8] = True
    exact = depth_losses(torch.zeros(1, 32, 32), mask)
    assert all(value == 0 for value in exact.values())
    scaled = depth_losses(torch.full((1, 32, 32), 0.1), mask)
    assert scaled["log_error"].item() == pytest.approx(0.1)
    assert scaled["gradient"] == 0
    on_object = depth_losses(torch.where(mask, 0.1, 0.0), mask)
    assert on_object["log_error"].item() == pytest.approx(0.04)  # objects hold 40 % of the weight


FLOOR = torch.tensor([0.0, 0.8, 0.6, 0.5])


def sightings(log_height_off: list[float], log_error: Tensor) -> Sightings:
    """Of objects half a metre above `FLOOR`, a metre away."""
    count = len(log_height_off)
    log_height = FLOOR[3].log() + torch.tensor(log_height_off)
    return Sightings(torch.zeros(count), FloorReadings(FLOOR[:3].expand(count, 3), log_height, log_error))


def losses_of(said: Sightings, is_cube: list[bool]) -> dict[str, Tensor]:
    count = len(is_cube)
    return sighting_losses(said, torch.zeros(count), FLOOR.expand(count, 4), torch.tensor(is_cube), torch.zeros(count))


def test_sightings_that_are_true_cost_nothing_but_their_doubt() -> None:
    exact = losses_of(sightings([0.0, 0.0], torch.zeros(2)), [True, True])
    assert all(value.item() == pytest.approx(0, abs=1e-6) for value in exact.values())
    off = losses_of(sightings([0.1, 0.1], torch.zeros(2)), [True, True])
    assert off["cube height"].item() == pytest.approx(0.2)
    assert off["agreed floor"].item() == pytest.approx(0.2)
    assert off["cube depth"] == 0
    doubtful, sure = (losses_of(sightings([0.1, 0.1], torch.full((2,), doubt)), [True, True]) for doubt in (-2.3, -4.0))
    assert doubtful["doubt"] < sure["doubt"]  # exp(-2.3) = 0.1


def test_what_is_no_cube_teaches_nothing_but_doubt() -> None:
    off, log_error = torch.tensor([0.0, 1.4], requires_grad=True), torch.zeros(2, requires_grad=True)
    said = sightings([0.0, 0.0], log_error)
    floor = replace(said.floor, log_height=said.floor.log_height + off)
    losses = losses_of(replace(said, floor=floor), [True, False])
    assert losses["cube depth"] == losses["cube height"] == 0
    (losses["cube height"] + losses["doubt"]).backward()
    assert off.grad is not None
    assert off.grad[1] == 0
    assert log_error.grad is not None
    assert log_error.grad[1] < 0 < log_error.grad[0]  # off by 1.4, and exact: doubt should grow, and shrink


def test_of_images_without_a_cube_nothing_is_agreed_on() -> None:
    said = sightings([0.0, 0.7], torch.zeros(2))
    losses = sighting_losses(
        said, torch.zeros(2), FLOOR.expand(2, 4), torch.tensor([True, False]), torch.tensor([0.0, 1.0])
    )
    assert losses["agreed floor"].item() == pytest.approx(0, abs=1e-6)


@pytest.fixture(scope="module")
def shard(pool: Path) -> Shard:
    return shards_of(pool)[0]


@pytest.fixture(scope="module")
def finder() -> Finder:
    """Of an untrained detector that is sure of everything: it finds objects everywhere."""
    torch.manual_seed(0)
    detector = compact_mask_rcnn(12).eval()
    torch.nn.init.constant_(detector.roi_heads.box_predictor.cls_score.bias, 0.0)
    return Finder(detector, 192 * 192, LEAST_VISIBLE_RATIO, CPU)


def test_what_is_found_where_no_object_is_is_none_and_what_is_missed_is_added(shard: Shard, finder: Finder) -> None:
    for index in (0, 5):
        seen = finder.finds(shard, index)
        assert finder.finds(shard, index) is seen  # looked at once
        assert (seen.labels == 0).sum() > 2
        counts = np.bincount(shard.instances[index].ravel(), minlength=33)[1:]
        large = counts >= LEAST_VISIBLE_RATIO * shard.instances[index].size
        labels = seen.labels[seen.labels > 0]
        assert set(labels.tolist()) == {int(category) + 1 for category in shard.category[index][: len(large)][large]}


def test_what_is_cut_out_knows_its_depth(shard: Shard, finder: Finder) -> None:
    """The median of a cube's visible surface is near the depth in the middle of its crop, unless that is hidden."""
    height, width = shard.image.shape[1:3]
    ratios = []
    for index, depth_m in enumerate(shard.depth_m):
        seen = finder.finds(shard, index)
        x, y = seen.crops.center.round().long().T
        here = torch.from_numpy(depth_m.astype(np.float32))[y.clamp(0, height - 1), x.clamp(0, width - 1)]
        ratios.append((here / seen.depth_m)[seen.labels > 0])
    ratio = torch.cat(ratios)
    assert len(ratio) > 20
    assert ratio.median() == pytest.approx(1, abs=0.05)
    assert ((ratio > 0.8) & (ratio < 1.3)).float().mean() > 0.8


def test_drawn_cutouts_keep_their_cameras_and_are_sometimes_mirrored(shard: Shard, finder: Finder) -> None:
    drawn = [draw_cutouts([shard], finder, np.random.default_rng(seed), 6) for seed in range(8)]
    mirrored = 0
    for seen in drawn:
        assert seen.crops.image_of.max() < 6
        assert len(seen.labels) == len(seen.crops.pixels) == len(seen.intrinsics) == len(seen.floor)
        assert seen.crops.pixels[:, :3].abs().max() <= 2
        assert 0 <= seen.crops.pixels[:, 3].min() <= seen.crops.pixels[:, 3].max() <= 1
        mirrored += not set(seen.floor[:, 0].tolist()) <= set(shard.floor[:, 0].tolist())
    assert 0 < mirrored < 8


def test_reframed_crops_show_what_their_squares_say() -> None:
    """In an image whose red is the column and whose green is the row."""
    row, column = torch.meshgrid(torch.arange(300.0), torch.arange(400.0), indexing="ij")
    image = torch.stack([column / 400, row / 300, torch.zeros_like(row)])[None]
    corner = torch.rand(40, 2) * 150 + 50
    boxes = torch.cat([torch.zeros(40, 1), corner, corner + 20 + 40 * torch.rand(40, 2)], dim=1)
    crops = reframed(cut_out(image, boxes, torch.ones(40, MASK_PX, MASK_PX)), np.random.default_rng(0))
    cell = (torch.arange(CROP_PX) + 0.5) / CROP_PX - 0.5
    x, y = (crops.center[:, k, None] + cell * crops.side[:, None] for k in range(2))
    colour = coloured(crops.pixels)
    torch.testing.assert_close(colour[:, 0] * 400, x[:, None].expand(-1, CROP_PX, -1), atol=0.05, rtol=0)
    torch.testing.assert_close(colour[:, 1] * 300, y[:, :, None].expand(-1, -1, CROP_PX), atol=0.05, rtol=0)
    part = crops.side / cut_out(image, boxes, torch.ones(40, MASK_PX, MASK_PX)).side
    assert 0.3 < (part < 0.999).float().mean() < 0.7


class Tiny(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))


def test_an_interrupted_training_ends_where_an_uninterrupted_one_does(pool: Path, tmp_path: Path) -> None:
    def train(output: str, stop_at: int | None = None) -> dict[str, Tensor]:
        torch.manual_seed(0)
        network = Tiny()
        config = TrainingConfig(output=tmp_path / output, pool=pool, images=SHARD_IMAGES, steps=12)
        return fit(config, network, noisy_steps(network.layer, stop_at))

    whole = train("whole")
    with pytest.raises(KeyboardInterrupt):
        train("parts", stop_at=6)
    resumed = train("parts")
    for name, value in whole.items():
        assert torch.equal(value, resumed[name]), name


def test_a_few_steps_bring_the_depth_loss_down(pool: Path, tmp_path: Path) -> None:
    state = train_depth(
        TrainingConfig(output=tmp_path, pool=pool, images=SHARD_IMAGES, steps=10, batch=4, learning_rate=2e-3)
    )
    assert all(torch.isfinite(value).all() for value in state.values())
    assert (tmp_path / "dense" / "checkpoint.pt").exists()


def test_a_few_steps_of_segmentation_run(pool: Path, tmp_path: Path) -> None:
    state = train_segmentation(TrainingConfig(output=tmp_path, pool=pool, images=SHARD_IMAGES, steps=2, batch=2))
    assert all(torch.isfinite(value).all() for value in state.values() if value.is_floating_point())


def test_pools_render_reserved_seeds_and_share_their_shards(pool: Path) -> None:
    (shard,) = shards_of(pool)
    before = shard.image.copy()
    fill(pool, 1)  # nothing is missing
    assert np.array_equal(shards_of(pool)[0].image, before)
    assert len(shard.image) == SHARD_IMAGES


@pytest.mark.long
def test_on_many_cores_several_processes_render(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 12)
    pool = ScenePool(tmp_path, 2 * SHARD_IMAGES)
    try:
        assert len(pool._workers) == 2  # no more than there are shards
        pool.wait(2)
        assert [len(shard.image) for shard in pool.available()] == [SHARD_IMAGES] * 2
    finally:
        pool.close()
    assert not any(worker.is_alive() for worker in pool._workers)
    assert ScenePool(tmp_path, 2 * SHARD_IMAGES)._workers == []


def test_a_pool_that_is_too_small_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="at least 32 images"):
        ScenePool(tmp_path, 3)


def test_training_starts_from_given_weights(pool: Path, tmp_path: Path) -> None:
    """With a learning rate of nearly nothing the weights stay what they were given as."""
    torch.manual_seed(5)
    given = nn.ModuleDict({"dense": CompactDepthNetwork(), "yardstick": YardstickNetwork()}).state_dict()
    save_weights(tmp_path / "given.safetensors", given, {"kind": "compact-depth"})
    config = TrainingConfig(
        output=tmp_path / "run",
        pool=pool,
        images=SHARD_IMAGES,
        steps=1,
        batch=2,
        learning_rate=1e-12,
        start=tmp_path / "given.safetensors",
    )
    state = train_depth(config)
    for name in ("dense.stem.0.weight", "yardstick.head.weight"):
        assert torch.allclose(state[name], given[name], atol=1e-3)
