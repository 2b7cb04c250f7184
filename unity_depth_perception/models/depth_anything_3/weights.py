"""Weights of Depth Anything 3: loading of published and fine-tuned checkpoints."""

from __future__ import annotations

import json
import logging
from pathlib import Path

from torch import Tensor, nn

from unity_depth_perception.core.errors import ModelError
from unity_depth_perception.models.checkpoints.hub import without_prefix
from unity_depth_perception.models.checkpoints.safetensors_file import fill_network
from unity_depth_perception.models.depth_anything_3.network import GAUSSIAN_PARTS, drop_gaussian_head
from unity_depth_perception.models.depth_anything_3.variants import DA3_VARIANTS, Variant

_LOG = logging.getLogger(__name__)


def fill_da3_network(network: nn.Module, state: dict[str, Tensor], path: Path) -> None:
    """Load a checkpoint of the reference's front end, which holds the network as its attribute `model`.

    Raises:
        ModelError: it is of another network; the message names the first mismatch.
    """
    whole = nn.ModuleDict({"model": network})
    state = {f"model.{name}": value for name, value in without_prefix(state, "model.").items()}
    if not any(f".{name}." in f".{key}" for name in GAUSSIAN_PARTS for key in whole.state_dict()):
        state = drop_gaussian_head(state)
    unknown = sorted(state.keys() - whole.state_dict().keys())
    if unknown and len(unknown) < len(state):
        _LOG.warning("%s: ignoring %d tensors that this network does not have: %s, ...", path, len(unknown), unknown[0])
        state = {name: value for name, value in state.items() if name not in unknown}
    fill_network(whole, state, path)


def require_same_architecture(config: Path, variant: Variant) -> None:
    """Raise ModelError if config.json beside the weights names another architecture.

    The metric and the mono network have the same tensors; only that file distinguishes them.
    """
    try:
        stated = json.loads(config.read_text(encoding="utf-8")).get("model_name", variant.architecture)
    except (OSError, ValueError, AttributeError):
        return  # no config.json, or one of another kind: the tensors are checked later
    known = {other.architecture for other in DA3_VARIANTS.values()}
    if stated in known and stated != variant.architecture:
        raise ModelError(f"{config}: expected weights of {variant.architecture}, but it says model_name {stated!r}")
