"""Training crops: hits, false alarms and missed objects, and their augmentation."""

import numpy as np
import pytest
import torch

from unity_depth_perception.models.compact.detector import compact_mask_rcnn
from unity_depth_perception.models.compact.object_crops import CROP_PX, MASK_PX, crop_objects, denormalize_colors
from unity_depth_perception.synthetic.scene import LEAST_VISIBLE_RATIO
from unity_depth_perception.training.compact.proposals import CropMiner, draw_crops, random_crop
from unity_depth_perception.training.data.shards import Shard


@pytest.fixture(scope="module")
def miner() -> CropMiner:
    """Miner with an untrained detector that predicts objects everywhere."""
    torch.manual_seed(0)
    detector = compact_mask_rcnn(12).eval()
    torch.nn.init.constant_(detector.roi_heads.box_predictor.cls_score.bias, 0.0)
    return CropMiner(detector, 192 * 192, LEAST_VISIBLE_RATIO, torch.device("cpu"))


def test_false_alarms_have_label_0_and_missed_objects_are_added(shard: Shard, miner: CropMiner) -> None:
    for index in (0, 5):
        mined = miner.crops_of(shard, index)
        assert miner.crops_of(shard, index) is mined  # cached
        assert (mined.labels == 0).sum() > 2
        counts = np.bincount(shard.instances[index].ravel(), minlength=33)[1:]
        large = counts >= LEAST_VISIBLE_RATIO * shard.instances[index].size
        labels = mined.labels[mined.labels > 0]
        assert set(labels.tolist()) == {int(category) + 1 for category in shard.category[index][: len(large)][large]}


def test_crops_have_the_median_depth_of_their_object(shard: Shard, miner: CropMiner) -> None:
    """It is near the depth in the middle of the crop, unless that is occluded."""
    height, width = shard.image.shape[1:3]
    ratios = []
    for index, depth_m in enumerate(shard.depth_m):
        mined = miner.crops_of(shard, index)
        x, y = mined.crops.center.round().long().T
        here = torch.from_numpy(depth_m.astype(np.float32))[y.clamp(0, height - 1), x.clamp(0, width - 1)]
        ratios.append((here / mined.depth_m)[mined.labels > 0])
    ratio = torch.cat(ratios)
    assert len(ratio) > 20
    assert ratio.median() == pytest.approx(1, abs=0.05)
    assert ((ratio > 0.8) & (ratio < 1.3)).float().mean() > 0.8


def test_drawn_crops_keep_their_cameras_and_are_sometimes_flipped(shard: Shard, miner: CropMiner) -> None:
    drawn = [draw_crops([shard], miner, np.random.default_rng(seed), 6) for seed in range(8)]
    flipped = 0
    for mined in drawn:
        assert mined.crops.image_of.max() < 6
        assert len(mined.labels) == len(mined.crops.pixels) == len(mined.intrinsics) == len(mined.floor)
        assert mined.crops.pixels[:, :3].abs().max() <= 2
        assert 0 <= mined.crops.pixels[:, 3].min() <= mined.crops.pixels[:, 3].max() <= 1
        flipped += not set(mined.floor[:, 0].tolist()) <= set(shard.floor[:, 0].tolist())
    assert 0 < flipped < 8


def test_random_crops_show_the_image_at_their_centre_and_side() -> None:
    """Red encodes the column and green the row."""
    row, column = torch.meshgrid(torch.arange(300.0), torch.arange(400.0), indexing="ij")
    image = torch.stack([column / 400, row / 300, torch.zeros_like(row)])[None]
    corner = torch.rand(40, 2) * 150 + 50
    boxes = torch.cat([torch.zeros(40, 1), corner, corner + 20 + 40 * torch.rand(40, 2)], dim=1)
    crops = random_crop(crop_objects(image, boxes, torch.ones(40, MASK_PX, MASK_PX)), np.random.default_rng(0))
    cell = (torch.arange(CROP_PX) + 0.5) / CROP_PX - 0.5
    x, y = (crops.center[:, k, None] + cell * crops.side[:, None] for k in range(2))
    colour = denormalize_colors(crops.pixels)
    torch.testing.assert_close(colour[:, 0] * 400, x[:, None].expand(-1, CROP_PX, -1), atol=0.05, rtol=0)
    torch.testing.assert_close(colour[:, 1] * 300, y[:, :, None].expand(-1, -1, CROP_PX), atol=0.05, rtol=0)
    part = crops.side / crop_objects(image, boxes, torch.ones(40, MASK_PX, MASK_PX)).side
    assert 0.3 < (part < 0.999).float().mean() < 0.7
