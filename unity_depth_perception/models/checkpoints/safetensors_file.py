"""Weights files of this package: safetensors with a JSON description in the metadata. Nothing is ever unpickled."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from unity_depth_perception.core.errors import ModelError
from unity_depth_perception.core.files.atomic_file import write_file
from unity_depth_perception.models.checkpoints.file_content import is_torch_file, require_weights_content

EMBEDDED = Path(__file__).parents[1] / "weights"
"""Folder of the weights that ship with the package."""
_KEY = "unity_depth_perception"
_RENAMED = (  # names of tensors in files of version 0.1, and today's
    (re.compile(r"^second_look\."), "crop_classifier."),
    (re.compile(r"^yardstick\."), "cube_scale."),
    (re.compile(r"^(crop_classifier|cube_scale)\.encoder\.look\."), r"\1.encoder.convolutions."),
    (re.compile(r"^(crop_classifier|cube_scale)\.encoder\.company\."), r"\1.encoder.context."),
)


def save_weights(path: Path, state: Mapping[str, Tensor], description: Mapping[str, Any]) -> None:
    """Write a state dict with a JSON description; tensors of two or more dimensions are stored as float16."""
    tensors = {
        name: (value.half() if value.is_floating_point() and value.ndim > 1 else value).contiguous().cpu()
        for name, value in state.items()  # vectors stay float32: a running variance may exceed float16's range
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_file(path, save(tensors, metadata={_KEY: json.dumps(dict(description))}))


def load_weights(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """State dict (floats as float32, names of the current networks) and description of a weights file.

    Raises:
        ModelError: the file is missing, truncated, not safetensors, or not written by `save_weights`.
    """
    description = load_description(path)
    with _opened(path) as file:
        state = {_current_name(name): file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    return {name: value.float() if value.is_floating_point() else value for name, value in state.items()}, description


def _current_name(name: str) -> str:
    """Name in the current networks of a tensor in a weights file, which version 0.1 may have written."""
    for pattern, replacement in _RENAMED:
        name = pattern.sub(replacement, name)
    return name


def load_description(path: Path) -> dict[str, Any]:
    """Description of a weights file, without reading the tensors; raises as `load_weights`."""
    with _opened(path) as file:
        description = (file.metadata() or {}).get(_KEY)
    if description is None:
        raise ModelError(
            f"{path}: expected weights written by this package's training, found other safetensors; published weights "
            "go with the name of their depth model: --depth-model NAME --depth-weights FILE, or depth_weights of a node"
        )
    try:
        parsed = json.loads(description)
    except (ValueError, RecursionError) as error:
        raise ModelError(
            f"{path}: the description in the metadata is not JSON ({error}); train the weights again"
        ) from None
    if not isinstance(parsed, dict):
        raise ModelError(f"{path}: expected a description by name in the metadata, got {parsed!r:.60}; train it again")
    return parsed


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    if path.is_dir():
        raise ModelError(f"{path}: expected a weights file, got a folder; name the .safetensors file in it")
    if not path.is_file():
        raise ModelError(f"{path}: no such weights file; train one with unity-depth train-depth or train-segmentation")
    require_weights_content(path)
    if is_torch_file(path):
        raise ModelError(
            f"{path}: expected a .safetensors file of this package, got one of torch.save; weights of Depth Anything "
            "go in by --depth-model NAME --depth-weights FILE, those of torchvision by train-segmentation --from FILE"
        )
    try:
        with safe_open(path, framework="pt") as file:
            yield file
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(
            f"{path}: expected a safetensors file, but it cannot be read ({error}); fetch or train it again"
        ) from None


def fill_network(network: nn.Module, state: Mapping[str, Tensor], source: Path) -> None:
    """Load a state dict strictly: every name and shape must match.

    safetensors stores a tensor that a network holds under several names once; any one of the names is accepted.

    Raises:
        ModelError: a tensor is missing, unexpected, of another shape or not finite; the message names file and tensor.
    """
    expected = network.state_dict(keep_vars=True)
    stored_name = {id(value): name for name, value in expected.items() if name in state}
    complete = dict(state)
    for name, value in expected.items():
        given = state.get(stored_name.get(id(value), name))
        if given is None:
            raise ModelError(
                f"{source}: expected a tensor {name} of shape {tuple(value.shape)}, but the file has none: "
                "these weights are of another network"
            )
        if given.shape != value.shape:
            raise ModelError(
                f"{source}: expected {name} of shape {tuple(value.shape)}, got {tuple(given.shape)}: "
                "these weights are of another network"
            )
        complete[name] = given
    unexpected = [name for name in state if name not in expected]
    if unexpected:
        raise ModelError(f"{source}: unexpected tensor {unexpected[0]}: these weights are of another network")
    if not all(torch.isfinite(value).all() for value in state.values() if value.is_floating_point()):
        raise ModelError(f"{source}: the weights hold NaN or infinity; fetch or train them again")
    network.load_state_dict(complete)


def check_kind(description: Mapping[str, Any], kind: str, source: Path) -> None:
    """Raise ModelError unless a description names this kind of weights, such as compact-depth."""
    if description.get("kind") != kind:
        raise ModelError(f"{source}: expected weights of kind {kind}, got {description.get('kind')!r}")


def categories_of(description: Mapping[str, Any], source: Path) -> tuple[str, ...]:
    """Category names in the description of segmentation weights; ModelError if there are none."""
    categories = description.get("categories")
    if not (isinstance(categories, list) and categories and all(isinstance(name, str) for name in categories)):
        raise ModelError(f"{source}: expected a list of category names in the metadata, got {categories!r}")
    return tuple(categories)


def input_area_px(description: Mapping[str, Any], source: Path, default: int) -> int:
    """Area [px] of a segmentation network's input: the square of the description's `input_size`, else `default`.

    Raises:
        ModelError: `input_size` is not a whole number from 32 to 4096.
    """
    side = description.get("input_size")
    if side is None:
        return default
    if not isinstance(side, int) or not 32 <= side <= 4096:
        raise ModelError(f"{source}: expected an input_size of 32 to 4096 px in the metadata, got {side!r}")
    return side * side
