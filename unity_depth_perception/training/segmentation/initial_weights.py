"""What a segmentation starts from: published weights, or a file of an earlier training, perhaps of other categories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torchvision.models import MobileNet_V3_Large_Weights
from torchvision.models.detection import MaskRCNN_ResNet50_FPN_V2_Weights

from unity_depth_perception.core.errors import ModelError
from unity_depth_perception.models.checkpoints.hub import read_tensors
from unity_depth_perception.models.checkpoints.safetensors_file import (
    categories_of,
    fill_network,
    load_description,
    load_weights,
)
from unity_depth_perception.models.compact.object_proposer import SEGMENTATION_WEIGHTS
from unity_depth_perception.models.mask_rcnn.segmenter import KIND


class _Rows(NamedTuple):
    """Which rows of a tensor belong to a category: `each`, after those of the background where there is one."""

    each: int
    background: bool


_OF_CATEGORIES = {
    "roi_heads.box_predictor.cls_score": _Rows(1, True),
    "roi_heads.box_predictor.bbox_pred": _Rows(4, True),
    "roi_heads.mask_predictor.mask_fcn_logits": _Rows(1, True),
    "head": _Rows(1, True),  # of the second look
}
_PUBLISHED = {
    "mobilenet_v3_large": MobileNet_V3_Large_Weights.IMAGENET1K_V2,
    "resnet50_fpn_v2": MaskRCNN_ResNet50_FPN_V2_Weights.COCO_V1,
}


def published_start(network: str) -> Path:
    """File of the published weights of a network: the embedded ones of `compact`, ImageNet's or COCO's of torchvision.

    torchvision downloads them once into its cache (TORCH_HOME).

    Raises:
        ModelError: they are not in the cache and cannot be downloaded.
    """
    if network == "compact":
        return SEGMENTATION_WEIGHTS
    weights = _PUBLISHED[network]
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(weights.url).name
    if not path.is_file():
        try:
            weights.get_state_dict(progress=True, check_hash=True)
        except (OSError, RuntimeError) as error:  # RuntimeError: the hash does not fit
            raise ModelError(
                f"cannot download the published weights of {network} into {path} ({error}); fetch {weights.url} on "
                "another machine and name the file with --from, or leave --from out to start from random weights"
            ) from None
    return path


def given_start(path: Path) -> Path:
    """A file that is named to start from, after a look at what it is.

    Raises:
        ModelError: there is no such file, or it is of no segmentation.
    """
    if not path.is_file():
        raise ModelError(
            f"{path}: no such weights file; name one of train-segmentation or of torchvision, or pretrained"
        )
    if path.suffix == ".safetensors":
        kind = load_description(path).get("kind")
        if kind not in ("compact-segmentation", KIND):
            raise ModelError(f"{path}: expected weights of train-segmentation, got weights of kind {kind!r}")
    return path


def load_matching(network: nn.Module, part: str, start: Path, categories: Sequence[str]) -> None:
    """Fill a network from a file; what belongs to a category that the file does not know stays as it is.

    Args:
        part: the network's name within a model of several; its tensors are named `part.` in the file.
        start: .safetensors of train-segmentation, or .pth of torchvision's published weights.
        categories: what the network is to tell apart, in its order.

    Raises:
        ModelError: the file cannot be used, or is of another network.
    """
    expected = network.state_dict()
    known: tuple[str, ...] = ()
    if start.suffix == ".safetensors":
        state, description = load_weights(start)
        known = categories_of(description, start)
        given = {name.removeprefix(f"{part}."): v for name, v in state.items() if name.startswith(f"{part}.")} or state
    else:
        given = _of_torchvision(read_tensors(start), expected, start)
    for name, value in given.items():
        rows = _OF_CATEGORIES.get(name.rpartition(".")[0])
        if rows is not None and name in expected and value.shape[1:] == expected[name].shape[1:]:
            given[name] = _rearranged(value, expected[name], rows, known, categories)
    fill_network(network, given if start.suffix == ".safetensors" else {**expected, **given}, start)


def _of_torchvision(state: Mapping[str, Tensor], expected: Mapping[str, Tensor], start: Path) -> dict[str, Tensor]:
    """All of Mask R-CNN, or from a classifier the backbone alone."""
    named = {name.replace("features.", "backbone.body.", 1): value for name, value in state.items()}
    found = {name: value for name, value in named.items() if name in expected}
    if not any(name.startswith("backbone.body.") for name in found):
        raise ModelError(f"{start}: expected weights that torchvision publishes for this network, got another's")
    return found


def _rearranged(value: Tensor, own: Tensor, rows: _Rows, known: Sequence[str], wanted: Sequence[str]) -> Tensor:
    """The file's rows of the background and of the wanted categories; the network's own where the file knows none."""
    first = int(rows.background)
    theirs, ours = (tensor.reshape(-1, rows.each, *tensor.shape[1:]) for tensor in (value, own.to(value)))
    chosen = [theirs[known.index(name) + first] if name in known else ours[k + first] for k, name in enumerate(wanted)]
    return torch.stack([*theirs[:first], *chosen]).flatten(0, 1)
