"""The crop classifier: crops and masks must lie on each other, and its class probabilities must reach the result."""

import pytest
import torch

from unity_depth_perception.models.compact.crop_classifier import CropClassifier
from unity_depth_perception.models.compact.object_crops import _MARGIN, CROP_PX, MASK_PX, _masks_in_crops, crop_objects
from unity_depth_perception.models.compact.object_proposer import CompactProposer
from unity_depth_perception.models.compact.segmentation import CompactSegmenter
from unity_depth_perception.synthetic.samples import render_samples

CPU = torch.device("cpu")


def test_a_mask_fills_its_box_in_the_crop() -> None:
    """A box twice as wide as it is high, wholly covered: its share of the square crop, in the middle."""
    placed = _masks_in_crops(torch.ones(1, MASK_PX, MASK_PX), torch.tensor([[_MARGIN, 2 * _MARGIN]]))[0, 0]
    assert placed.shape == (CROP_PX, CROP_PX)
    assert placed.mean().item() == pytest.approx(1 / (2 * _MARGIN**2), rel=0.05)
    rows, columns = (placed > 0.5).nonzero().T
    assert abs(int(rows.min() + rows.max()) - (CROP_PX - 1)) <= 1
    assert abs(int(columns.min() + columns.max()) - (CROP_PX - 1)) <= 1
    assert len(columns.unique()) == pytest.approx(2 * len(rows.unique()), abs=2)


def test_mask_is_not_flipped_in_the_crop() -> None:
    mask = torch.zeros(1, MASK_PX, MASK_PX)
    mask[:, : MASK_PX // 2, : MASK_PX // 2] = 1  # upper left
    placed = _masks_in_crops(mask, torch.full((1, 2), _MARGIN))[0, 0]
    rows, columns = (placed > 0.5).nonzero().T
    assert rows.max() <= CROP_PX // 2
    assert columns.max() <= CROP_PX // 2


def test_no_boxes_give_no_logits() -> None:
    network = CropClassifier(12).eval()
    with torch.inference_mode():
        crops = crop_objects(torch.rand(1, 3, 64, 64), torch.zeros(0, 5), torch.zeros(0, MASK_PX, MASK_PX))
        logits = network(crops, (64, 64), torch.zeros(0, 4), torch.zeros(0, 3))
    assert logits.shape == (0, 13)


def always(label: int) -> CompactSegmenter:
    """A segmenter whose crop classifier gives every crop the same class."""
    segmenter = CompactSegmenter(CPU)
    segmenter.proposer = CompactProposer(CPU)  # one of its own: the embedded one is shared
    torch.nn.init.zeros_(segmenter.proposer.crop_classifier.head.weight)
    segmenter.proposer.crop_classifier.head.bias.data = torch.where(torch.arange(13) == label, 1e4, 0.0)
    return segmenter


def test_crop_classifier_decides_the_category() -> None:
    (sample,) = render_samples([500], 512, 512)
    segmenter = always(1 + CompactSegmenter(CPU).categories.index("green_parallelepiped"))
    with torch.inference_mode():
        result = segmenter.infer(torch.from_numpy(sample.image), sample.camera)
    assert len(result.categories) >= 2
    assert set(result.categories) == {"green_parallelepiped"}


def test_detections_classified_as_background_are_dropped() -> None:
    (sample,) = render_samples([500], 512, 512)
    with torch.inference_mode():
        result = always(0).infer(torch.from_numpy(sample.image), sample.camera)
    assert result.categories == ()
    assert not result.instances.any()
