"""Depth models with random weights that are made on the device, without a file, beside their reference front ends."""

from __future__ import annotations

import copy
import importlib.machinery
import sys
import tempfile
import types
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import nn

from unity_depth_perception.evaluation.speed.reference_models import Reference, reference_of
from unity_depth_perception.models.depth_anything_2.estimator import DepthAnythingV2
from unity_depth_perception.models.depth_anything_2.network import DepthAnythingV2Network
from unity_depth_perception.models.depth_anything_2.variants import DA2_VARIANTS, Architecture
from unity_depth_perception.models.depth_anything_3.variants import DA3_VARIANTS
from unity_depth_perception.models.protocols import DepthEstimator
from unity_depth_perception.models.runtime.options import DepthOptions

_UNUSED = ("evo", "imageio", "moviepy", "pycolmap", "trimesh")
"""Libraries that depth_anything_3.api imports for exports and poses of several views; inference never calls them."""
_WEIGHT_NOISE = 0.02  # added to the initial weights, with which depth is nearly constant
_REDUCED_V2 = Architecture(32, 4, 2, (1, 2, 3, 4), (8, 16, 32, 32), 8, positions_px=140)


def random_network(model: str, device: torch.device) -> nn.Module:
    """Network of `model` with random weights, made on the device."""
    with torch.device(device), torch.no_grad():
        if model in DA3_VARIANTS:
            from unity_depth_perception.models.depth_anything_3.network import build_network

            network = build_network(DA3_VARIANTS[model].architecture)
        else:
            network = DepthAnythingV2Network(DA2_VARIANTS[model].architecture)
        for value in network.parameters():
            value.add_(torch.randn_like(value), alpha=_WEIGHT_NOISE)
    return network.eval().requires_grad_(False)


def estimator_with(network: nn.Module, model: str, device: torch.device, options: DepthOptions) -> DepthEstimator:
    """Estimator of `model` with a copy of a network of `random_network`."""
    own: Any = copy.deepcopy(network).to(device)
    if model in DA3_VARIANTS:
        from unity_depth_perception.models.depth_anything_3.estimator import estimator_of

        return estimator_of(model, own, device, options)
    return DepthAnythingV2(model, own, DA2_VARIANTS[model], device, options)


def reference_with(network: Any, model: str, device: torch.device, size_px: int) -> Reference:
    """The authors' front end of `model` with the weights of a network of `random_network`."""
    provide_unused_libraries()
    weights = network.state_dict() if model in DA3_VARIANTS else network.net.state_dict()
    with torch.device(device):
        return reference_of(model, weights, device, size_px)


def set_head_precision(estimator: DepthEstimator, dtype: torch.dtype) -> torch.dtype:
    """Set the precision of the heads of an estimator's networks; return the one that it had chosen itself."""
    networks = [each for each in vars(estimator).values() if hasattr(each, "head_precision")]
    chosen: torch.dtype = networks[0].head_precision
    for network in networks:
        network.head_precision = dtype
    return chosen


def reduce_architectures() -> None:
    """Make all models of this process small, of the same kinds of layers, for a rehearsal on a CPU."""
    from depth_anything_3.registry import MODEL_REGISTRY
    from omegaconf import OmegaConf

    folder = Path(tempfile.mkdtemp())
    reduced = {name: _reduced(name) for name in {variant.architecture for variant in DA3_VARIANTS.values()}}
    for name, config in reduced.items():
        OmegaConf.save(OmegaConf.create(config), folder / f"{name}.yaml")
        MODEL_REGISTRY[name] = str(folder / f"{name}.yaml")
    for name, variant in list(DA2_VARIANTS.items()):
        DA2_VARIANTS[name] = replace(variant, architecture=_REDUCED_V2)


def _reduced(architecture: str) -> dict[str, Any]:
    """Configuration of an architecture with the width and depth of the smallest one."""
    from depth_anything_3.cfg import load_config
    from depth_anything_3.registry import MODEL_REGISTRY
    from omegaconf import OmegaConf

    loaded: Any = OmegaConf.to_container(load_config(MODEL_REGISTRY[architecture]), resolve=True)
    config: dict[str, Any] = loaded
    if "anyview" in config:
        return config | {"anyview": _reduced("da3-small"), "metric": _reduced("da3metric-large")}
    depth_only = config["head"]["output_dim"] == 1
    config["net"] |= {"name": "vits", "out_layers": [2, 5, 8, 11] if depth_only else [5, 7, 9, 11]}
    config["head"] |= {"dim_in": 384 if depth_only else 768, "features": 64, "out_channels": [48, 96, 192, 384]}
    for part, width in (("cam_enc", 384), ("cam_dec", 768)):
        if part in config:
            config[part] |= {"dim_out" if part == "cam_enc" else "dim_in": width}
    return {name: value for name, value in config.items() if name not in ("gs_head", "gs_adapter")}


def provide_unused_libraries() -> None:
    """Put empty modules in the place of the libraries of `_UNUSED` that are not installed."""
    missing = [name for name in _UNUSED if find_spec(name) is None]
    if missing and not any(isinstance(each, _EmptyModules) for each in sys.meta_path):
        sys.meta_path.append(_EmptyModules(missing))


class _EmptyModules:
    """Importer of empty modules, whose every attribute is a class without instances."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def find_spec(self, name: str, path: object = None, target: object = None) -> Any:
        if name.partition(".")[0] not in self._names:
            return None
        return importlib.machinery.ModuleSpec(name, self, is_package=True)  # type: ignore[arg-type]

    def create_module(self, spec: Any) -> types.ModuleType:
        return _EmptyModule(spec.name)

    def exec_module(self, module: types.ModuleType) -> None:
        module.__path__ = []


class _EmptyModule(types.ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)

        def refuse(*_: object, **__: object) -> None:
            raise ImportError(f"{self.__name__} is not installed")

        return type(name, (), {"__init__": refuse})
