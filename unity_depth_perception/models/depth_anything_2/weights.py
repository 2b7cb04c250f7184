"""Weights of Depth Anything V2, with tensor names in any of three conventions.

the hub's          backbone.encoder.layer.0.attention.attention.query.weight   .safetensors of the ...-hf repositories
transformers 5's   backbone.encoder.layer.0.attention.q_proj.weight            its modules in memory
the original       pretrained.blocks.0.attn.qkv.weight                         .pth of the authors, three in one
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from torch import Tensor, nn

from unity_depth_perception.core.errors import ModelError
from unity_depth_perception.models.checkpoints.hub import read_tensors, without_prefix
from unity_depth_perception.models.checkpoints.safetensors_file import fill_network
from unity_depth_perception.models.depth_anything_2.variants import Variant

_QKV = "attn.qkv."
# The original's names, piece by piece; the order matters where one piece is part of another.
# Source: github.com/DepthAnything/Depth-Anything-V2, metric_depth/depth_anything_v2/{dpt,dinov2}.py.
_FROM_ORIGINAL = (
    (r"^pretrained\.patch_embed\.proj\.", "backbone.embeddings.patch_embeddings.projection."),
    (r"^pretrained\.(cls_token|mask_token)$", r"backbone.embeddings.\1"),
    (r"^pretrained\.pos_embed$", "backbone.embeddings.position_embeddings"),
    (r"^pretrained\.norm\.", "backbone.layernorm."),
    (r"^pretrained\.blocks\.", "backbone.encoder.layer."),
    (r"\.ls(\d)\.gamma$", r".layer_scale\1.lambda1"),
    (r"\.attn\.proj\.", ".attention.output.dense."),
    (r"^depth_head\.projects\.(\d)\.", r"neck.reassemble_stage.layers.\1.projection."),
    (r"^depth_head\.resize_layers\.(\d)\.", r"neck.reassemble_stage.layers.\1.resize."),
    (r"^depth_head\.scratch\.output_conv1\.", "head.conv1."),
    (r"^depth_head\.scratch\.output_conv2\.0\.", "head.conv2."),
    (r"^depth_head\.scratch\.output_conv2\.2\.", "head.conv3."),
    (r"\.resConfUnit(\d)\.conv(\d)\.", r".residual_layer\1.convolution\2."),
    (r"\.out_conv\.", ".projection."),
)
_FROM_MEMORY = (
    (r"\.attention\.q_proj\.", ".attention.attention.query."),
    (r"\.attention\.k_proj\.", ".attention.attention.key."),
    (r"\.attention\.v_proj\.", ".attention.attention.value."),
    (r"\.attention\.o_proj\.", ".attention.output.dense."),
)


def load_da2_weights(network: nn.Module, path: Path, variant: Variant) -> None:
    """Load a weights file in any of the three naming conventions into a network of transformers.

    Raises:
        ModelError: the file cannot be read, is of another network, or the config.json beside it states another maximum
            depth.
    """
    _require_same_scale(path.with_name("config.json"), variant)
    fill_da2_network(network, read_tensors(path), path)


def fill_da2_network(network: nn.Module, state: Mapping[str, Tensor], path: Path) -> None:
    """Load tensors in any of the three naming conventions, read from `path`, into a network of transformers.

    Raises:
        ModelError: they are of another network; the message names the first mismatch.
    """
    published = hub_names(without_prefix(dict(state), "model."))
    in_memory = {_renamed(name, _FROM_MEMORY): name for name in network.state_dict()}
    fill_network(network, {in_memory.get(name, name): value for name, value in published.items()}, path)


def hub_names(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename tensors to the hub's convention; unknown names are kept."""
    renamed: dict[str, Tensor] = {}
    for name, value in state.items():
        for part_name, part in _split_qkv(name, value):
            renamed[_renamed(_renamed(part_name, _FROM_ORIGINAL), _FROM_MEMORY)] = part
    return renamed


def _split_qkv(name: str, value: Tensor) -> Iterator[tuple[str, Tensor]]:
    """Split the original's stacked query-key-value matrix into three tensors; yield any other tensor unchanged."""
    if _QKV not in name or len(value) % 3:
        yield _fusion_level(name), value
        return
    for part, tensor in zip(("query", "key", "value"), value.chunk(3), strict=True):
        yield name.replace(_QKV, f"attention.attention.{part}."), tensor


def _fusion_level(name: str) -> str:
    """Rename a fusion level: the original counts from the finest level, the hub's fusion from the coarsest."""
    name = re.sub(
        r"^depth_head\.scratch\.refinenet(\d)\.", lambda m: f"neck.fusion_stage.layers.{4 - int(m[1])}.", name
    )
    return re.sub(r"^depth_head\.scratch\.layer(\d)_rn\.", lambda m: f"neck.convs.{int(m[1]) - 1}.", name)


def _renamed(name: str, rules: tuple[tuple[str, str], ...]) -> str:
    for pattern, replacement in rules:
        name = re.sub(pattern, replacement, name)
    return name


def _require_same_scale(config: Path, variant: Variant) -> None:
    """Raise ModelError unless config.json, if there is one, states the variant's maximum depth.

    Indoor, outdoor and relative weights have the same shapes; only that file distinguishes them.
    """
    if not config.is_file():
        return
    try:
        content = json.loads(config.read_text(encoding="utf-8"))
        found = content.get("depth_estimation_type", "relative"), content.get("max_depth")
    except (OSError, ValueError, AttributeError) as error:
        raise ModelError(f"{config}: expected the description of the weights beside it: {error}") from None
    if found != ("metric", variant.max_depth_m):
        raise ModelError(
            f"{config}: expected metric weights up to {variant.max_depth_m:g} m, got {found[0]} ones with max_depth "
            f"{found[1]}; choose the model that these weights belong to (indoor: 20 m, outdoor: 80 m)"
        )
