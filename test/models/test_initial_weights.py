"""Initial weights of a segmentation: rows of known categories are loaded, those of new ones stay random."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torchvision.models import MobileNet_V3_Large_Weights, mobilenet_v3_large

from unity_depth_perception.core.errors import ModelError
from unity_depth_perception.models.checkpoints.safetensors_file import load_weights
from unity_depth_perception.models.compact.crop_classifier import CropClassifier
from unity_depth_perception.models.compact.depth import DEPTH_WEIGHTS
from unity_depth_perception.models.compact.detector import compact_mask_rcnn
from unity_depth_perception.models.compact.object_proposer import SEGMENTATION_WEIGHTS
from unity_depth_perception.models.mask_rcnn.segmenter import torchvision_mask_rcnn
from unity_depth_perception.synthetic.scene import CATEGORIES
from unity_depth_perception.training.segmentation.initial_weights import (
    load_matching,
    published_weights,
    require_segmentation_weights,
)

WANTED = ("cup", "blue_cube", "red_cube")  # one that the embedded weights lack, two in another order


def test_load_matching_keeps_all_weights_for_the_same_categories() -> None:
    network = compact_mask_rcnn(len(CATEGORIES))
    load_matching(network, "detector", SEGMENTATION_WEIGHTS, CATEGORIES)
    given, _ = load_weights(SEGMENTATION_WEIGHTS)
    for name, value in network.state_dict().items():
        assert torch.equal(value, given[f"detector.{name}"]), name


def test_load_matching_moves_rows_of_known_categories_and_keeps_new_ones_random() -> None:
    network = compact_mask_rcnn(len(WANTED))
    random = {name: value.clone() for name, value in network.state_dict().items()}
    load_matching(network, "detector", SEGMENTATION_WEIGHTS, WANTED)
    given, description = load_weights(SEGMENTATION_WEIGHTS)
    known = description["categories"]
    for name, each in (
        ("roi_heads.box_predictor.cls_score.weight", 1),
        ("roi_heads.box_predictor.bbox_pred.bias", 4),
        ("roi_heads.mask_predictor.mask_fcn_logits.weight", 1),
    ):
        mine, theirs = network.state_dict()[name], given[f"detector.{name}"]
        assert torch.equal(mine[:each], theirs[:each])  # the background
        assert torch.equal(mine[each : 2 * each], random[name][each : 2 * each])
        for row, category in ((2, "blue_cube"), (3, "red_cube")):
            source = 1 + known.index(category)
            assert torch.equal(mine[row * each : (row + 1) * each], theirs[source * each : (source + 1) * each])
    stem = "backbone.stem.0.weight"
    assert torch.equal(network.state_dict()[stem], given[f"detector.{stem}"])


def test_load_matching_keeps_the_background_row_of_the_crop_classifier() -> None:
    network = CropClassifier(len(WANTED))
    load_matching(network, "crop_classifier", SEGMENTATION_WEIGHTS, WANTED)
    given, description = load_weights(SEGMENTATION_WEIGHTS)
    row = description["categories"].index("red_cube")
    assert torch.equal(network.head.weight[0], given["crop_classifier.head.weight"][0])
    assert torch.equal(network.head.weight[3], given["crop_classifier.head.weight"][1 + row])


def test_load_matching_takes_the_backbone_of_a_torchvision_classifier(tmp_path: Path) -> None:
    torch.manual_seed(1)
    classifier = mobilenet_v3_large().state_dict()
    torch.save(classifier, tmp_path / "imagenet.pth")
    network = torchvision_mask_rcnn("mobilenet_v3_large", 2)
    load_matching(network, "detector", tmp_path / "imagenet.pth", ("cup", "plate"))
    assert torch.equal(network.state_dict()["backbone.body.0.0.weight"], classifier["features.0.0.weight"])
    heads = "roi_heads.box_predictor.cls_score.weight"
    assert not torch.equal(network.state_dict()[heads][1], network.state_dict()[heads][2])  # random as they were
    last = "backbone.body.16.0.weight"
    assert torch.equal(network.state_dict()[last], classifier["features.16.0.weight"])


def test_load_matching_refuses_weights_of_another_network(tmp_path: Path) -> None:
    network = torchvision_mask_rcnn("mobilenet_v3_large", 2)
    with pytest.raises(ModelError, match="another network"):
        load_matching(network, "detector", SEGMENTATION_WEIGHTS, ("cup", "plate"))
    torch.save({"layer.weight": torch.ones(3)}, tmp_path / "other.pth")
    with pytest.raises(ModelError, match=r"other\.pth: expected weights that torchvision publishes"):
        load_matching(network, "detector", tmp_path / "other.pth", ("cup", "plate"))


def test_published_weights_come_from_the_cache_or_name_their_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    published = MobileNet_V3_Large_Weights.IMAGENET1K_V2
    cached = tmp_path / "hub" / "checkpoints" / published.url.rpartition("/")[2]
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"here")
    assert published_weights("mobilenet_v3_large") == cached
    assert published_weights("compact") == SEGMENTATION_WEIGHTS

    def unreachable(*args: object, **kwargs: object) -> None:
        raise OSError("no route to host")

    monkeypatch.setattr(torch.hub, "download_url_to_file", unreachable)
    with pytest.raises(ModelError, match=r"no route to host.*maskrcnn_resnet50_fpn_v2.*--from"):
        published_weights("resnet50_fpn_v2")


@pytest.mark.parametrize(
    ("path", "message"),
    [
        (Path("none.pth"), "no such weights file"),
        (DEPTH_WEIGHTS, "of train-segmentation, got weights of kind 'compact-depth'"),
    ],
    ids=["missing", "depth"],
)
def test_files_without_segmentation_weights_are_refused(path: Path, message: str) -> None:
    with pytest.raises(ModelError, match=f"{path.name}: .*{message}"):
        require_segmentation_weights(path)
    assert require_segmentation_weights(SEGMENTATION_WEIGHTS) == SEGMENTATION_WEIGHTS
