"""Initial weights of a segmentation: published ones, or of an earlier training with the same or other categories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torchvision.models import MobileNet_V3_Large_Weights
from torchvision.models.detection import MaskRCNN_ResNet50_FPN_V2_Weights

from unity_depth_perception.core.errors import ModelError
from unity_depth_perception.models.checkpoints.file_content import is_torch_file, require_weights_content
from unity_depth_perception.models.checkpoints.hub import read_tensors, without_prefix
from unity_depth_perception.models.checkpoints.safetensors_file import (
    categories_of,
    fill_network,
    load_description,
    load_weights,
)
from unity_depth_perception.models.compact.object_proposer import SEGMENTATION_WEIGHTS
from unity_depth_perception.models.mask_rcnn.segmenter import KIND

_ROWS_PER_CATEGORY = {
    "roi_heads.box_predictor.cls_score": 1,
    "roi_heads.box_predictor.bbox_pred": 4,
    "roi_heads.mask_predictor.mask_fcn_logits": 1,
    "head": 1,  # of the crop classifier
}
"""Rows of the last layers' tensors for each category; the first ones are the background's."""
_PUBLISHED = {
    "mobilenet_v3_large": MobileNet_V3_Large_Weights.IMAGENET1K_V2,
    "resnet50_fpn_v2": MaskRCNN_ResNet50_FPN_V2_Weights.COCO_V1,
}


def published_weights(network: str) -> Path:
    """File of a network's published weights: the embedded ones for `compact`, else torchvision's of ImageNet or COCO.

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
        except (OSError, RuntimeError) as error:  # RuntimeError: the hash differs
            raise ModelError(
                f"cannot download the published weights of {network} into {path} ({error}); fetch {weights.url} on "
                "another machine and name the file with --from, or leave --from out to start from random weights"
            ) from None
    return path


def require_segmentation_weights(path: Path) -> Path:
    """Return the path if it is a file of segmentation weights, else raise ModelError."""
    if not path.is_file():
        raise ModelError(
            f"{path}: no such weights file; name one of train-segmentation or of torchvision, or pretrained"
        )
    require_weights_content(path)
    if not is_torch_file(path):
        kind = load_description(path).get("kind")
        if kind not in ("compact-segmentation", KIND):
            raise ModelError(f"{path}: expected weights of train-segmentation, got weights of kind {kind!r}")
    return path


def load_matching(network: nn.Module, part: str, start: Path, categories: Sequence[str]) -> None:
    """Load weights into a network; rows of categories that the file does not have keep their values.

    Args:
        part: the network's name within a model of several; its tensors are named `part.` in the file.
        start: .safetensors of train-segmentation, or .pth of torchvision's published weights.
        categories: of the network, in the order of its classes.

    Raises:
        ModelError: the file cannot be read, or is of another network.
    """
    expected = network.state_dict()
    known: tuple[str, ...] = ()
    if not is_torch_file(start):
        state, description = load_weights(start)
        known = categories_of(description, start)
        given = {name.removeprefix(f"{part}."): v for name, v in state.items() if name.startswith(f"{part}.")} or state
    else:
        given = _from_torchvision(without_prefix(read_tensors(start), "model."), expected, start)
    for name, value in given.items():
        rows = _ROWS_PER_CATEGORY.get(name.rpartition(".")[0])
        if rows is not None and name in expected and value.shape[1:] == expected[name].shape[1:]:
            given[name] = _match_rows(value, expected[name], rows, known, categories)
    fill_network(network, {**expected, **given} if is_torch_file(start) else given, start)


def _from_torchvision(state: Mapping[str, Tensor], expected: Mapping[str, Tensor], start: Path) -> dict[str, Tensor]:
    """Tensors of a whole Mask R-CNN, or of the backbone from an image classifier."""
    named = {name.replace("features.", "backbone.body.", 1): value for name, value in state.items()}
    found = {name: value for name, value in named.items() if name in expected}
    if not any(name.startswith("backbone.body.") for name in found):
        raise ModelError(f"{start}: expected weights that torchvision publishes for this network, got those of another")
    return found


def _match_rows(value: Tensor, own: Tensor, rows: int, known: Sequence[str], categories: Sequence[str]) -> Tensor:
    """The file's rows of the background and of the categories that it knows, the network's own of the others."""
    theirs, ours = (tensor.reshape(-1, rows, *tensor.shape[1:]) for tensor in (value, own.to(value)))
    chosen = [theirs[known.index(c) + 1] if c in known else ours[k] for k, c in enumerate(categories, start=1)]
    return torch.stack([theirs[0], *chosen]).flatten(0, 1)
