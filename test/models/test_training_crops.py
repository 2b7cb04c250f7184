"""What the networks that look at objects singly learn from: found, missed, cut out and drawn anew."""

import numpy as np
import pytest
import torch

from unity_depth_perception.models.compact.detector import compact_mask_rcnn
from unity_depth_perception.models.compact.object_crops import CROP_PX, MASK_PX, coloured, crop_objects
from unity_depth_perception.synthetic.scene import LEAST_VISIBLE_RATIO
from unity_depth_perception.training.compact.proposals import CropMiner, draw_crops, random_crop
from unity_depth_perception.training.data.shards import Shard


@pytest.fixture(scope="module")
def finder() -> CropMiner:
    """Of an untrained detector that is sure of everything: it finds objects everywhere."""
    torch.manual_seed(0)
    detector = compact_mask_rcnn(12).eval()
    torch.nn.init.constant_(detector.roi_heads.box_predictor.cls_score.bias, 0.0)
    return CropMiner(detector, 192 * 192, LEAST_VISIBLE_RATIO, torch.device("cpu"))


def test_what_is_found_where_no_object_is_is_none_and_what_is_missed_is_added(shard: Shard, finder: CropMiner) -> None:
    for index in (0, 5):
        seen = finder.finds(shard, index)
        assert finder.finds(shard, index) is seen  # looked at once
        assert (seen.labels == 0).sum() > 2
        counts = np.bincount(shard.instances[index].ravel(), minlength=33)[1:]
        large = counts >= LEAST_VISIBLE_RATIO * shard.instances[index].size
        labels = seen.labels[seen.labels > 0]
        assert set(labels.tolist()) == {int(category) + 1 for category in shard.category[index][: len(large)][large]}


def test_what_is_cut_out_knows_its_depth(shard: Shard, finder: CropMiner) -> None:
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


def test_drawn_cutouts_keep_their_cameras_and_are_sometimes_mirrored(shard: Shard, finder: CropMiner) -> None:
    drawn = [draw_crops([shard], finder, np.random.default_rng(seed), 6) for seed in range(8)]
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
    crops = random_crop(crop_objects(image, boxes, torch.ones(40, MASK_PX, MASK_PX)), np.random.default_rng(0))
    cell = (torch.arange(CROP_PX) + 0.5) / CROP_PX - 0.5
    x, y = (crops.center[:, k, None] + cell * crops.side[:, None] for k in range(2))
    colour = coloured(crops.pixels)
    torch.testing.assert_close(colour[:, 0] * 400, x[:, None].expand(-1, CROP_PX, -1), atol=0.05, rtol=0)
    torch.testing.assert_close(colour[:, 1] * 300, y[:, :, None].expand(-1, -1, CROP_PX), atol=0.05, rtol=0)
    part = crops.side / crop_objects(image, boxes, torch.ones(40, MASK_PX, MASK_PX)).side
    assert 0.3 < (part < 0.999).float().mean() < 0.7
