"""Depth models fine-tuned by `train-depth`: one .safetensors file each, whose description names its network."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from unity_depth_perception.core.errors import ModelError
from unity_depth_perception.models.checkpoints.hub import Published
from unity_depth_perception.models.checkpoints.safetensors_file import load_description, load_weights
from unity_depth_perception.models.compact.depth import CompactDepth
from unity_depth_perception.models.depth_anything_2.variants import Architecture, Variant
from unity_depth_perception.models.depth_anything_3.variants import DA3_VARIANTS
from unity_depth_perception.models.protocols import DepthEstimator
from unity_depth_perception.models.runtime.options import DepthOptions

COMPACT_KIND, DA2_KIND, DA3_KIND = "compact-depth", "da2-metric", "da3-metric"
_DA3_METRIC = "da3metric-large"
_LOG = logging.getLogger(__name__)


def load_fine_tuned(path: Path, device: torch.device, options: DepthOptions) -> DepthEstimator:
    """Load the depth model of a weights file of `train-depth`; it needs neither the hub nor a configuration.

    Raises:
        ModelError: the file cannot be read, or is not of a depth model.
    """
    kind = load_description(path).get("kind")
    if kind not in _LOADERS:
        raise ModelError(
            f"{path}: expected depth weights of train-depth, of kind {', '.join(_LOADERS)}; got kind {kind!r}"
        )
    state, description = load_weights(path)
    return _LOADERS[kind](path, state, description, device, options)


def da2_description(variant: Variant) -> dict[str, Any]:
    """Description of a Depth Anything V2 network for a weights file, enough to build the network from it."""
    return {
        "kind": DA2_KIND,
        "architecture": asdict(variant.architecture),
        "max_depth_m": variant.max_depth_m,
        "trained_focal": variant.trained_focal,
        **_origin(variant.published),
    }


def da3_description() -> dict[str, Any]:
    """Description of the metric network of Depth Anything 3 for a weights file; there is only one such network."""
    return {"kind": DA3_KIND, "network": _DA3_METRIC, **_origin(DA3_VARIANTS[_DA3_METRIC].published)}


def _origin(published: Published) -> dict[str, str]:
    return {"origin": published.hub_id, "licence": published.licence}


def _compact(
    path: Path, state: dict[str, Tensor], description: dict[str, Any], device: torch.device, options: DepthOptions
) -> DepthEstimator:
    return CompactDepth(device, path, options)


def _da2(
    path: Path, state: dict[str, Tensor], description: dict[str, Any], device: torch.device, options: DepthOptions
) -> DepthEstimator:
    from unity_depth_perception.models.depth_anything_2.estimator import DepthAnythingV2
    from unity_depth_perception.models.depth_anything_2.network import DepthAnythingV2Network
    from unity_depth_perception.models.depth_anything_2.weights import fill_da2_network

    variant = _da2_variant(path, description)
    network = DepthAnythingV2Network(variant.architecture)
    fill_da2_network(network.net, state, path)
    return DepthAnythingV2(str(path), network, variant, device, options)


def _da3(
    path: Path, state: dict[str, Tensor], description: dict[str, Any], device: torch.device, options: DepthOptions
) -> DepthEstimator:
    from unity_depth_perception.models.depth_anything_3.estimator import estimator_of
    from unity_depth_perception.models.depth_anything_3.network import build_network
    from unity_depth_perception.models.depth_anything_3.weights import fill_da3_network

    if description.get("network") != _DA3_METRIC:
        raise ModelError(f"{path}: expected weights of {_DA3_METRIC}, its metadata says {description.get('network')!r}")
    network = build_network(DA3_VARIANTS[_DA3_METRIC].architecture)
    fill_da3_network(network, state, path)
    estimator = estimator_of(_DA3_METRIC, network, device, options)
    estimator.name = str(path)
    return estimator


def _da2_variant(path: Path, description: dict[str, Any]) -> Variant:
    try:
        sizes: dict[str, Any] = {
            k: tuple(v) if isinstance(v, list) else v for k, v in description["architecture"].items()
        }
        variant = Variant(
            Architecture(**sizes),
            float(description["max_depth_m"]),
            None if description["trained_focal"] is None else float(description["trained_focal"]),
            Published(str(description["origin"]), str(description["licence"])),
        )
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"{path}: the metadata do not describe a network of Depth Anything V2 ({error!r}); train it again"
        ) from None
    if variant.published.is_non_commercial:
        _LOG.warning(
            "%s: trained from %s, %s, not for commercial use", path, variant.published.hub_id, variant.published.licence
        )
    return variant


_Loader = Callable[[Path, dict[str, Tensor], dict[str, Any], torch.device, DepthOptions], DepthEstimator]
_LOADERS: dict[str, _Loader] = {COMPACT_KIND: _compact, DA2_KIND: _da2, DA3_KIND: _da3}
