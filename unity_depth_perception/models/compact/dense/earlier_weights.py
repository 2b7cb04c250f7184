"""Weights of the dense network from files of versions that knew neither sky nor a lower floor, for today's network."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

_EARLIER_CLASSES = 4
_EARLIER_SHAPES = {
    "dense.head.weight": (20, 32, 3, 3),
    "dense.head.bias": (20,),
    "dense.trust.of_class": (4,),
    "dense.trust.layers.0.0.weight": (24, 52, 3, 3),
}
_NEVER = -30.0  # logit of a class that the earlier network did not predict


def with_new_parts(state: Mapping[str, Tensor], today: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Tensors of a file, which predict as they did; those of a file of today's version are returned unchanged.

    Args:
        state: tensors of the file.
        today: initial tensors of the whole model, for the names that the file lacks.
    """
    if any(name not in state or tuple(state[name].shape) != shape for name, shape in _EARLIER_SHAPES.items()):
        return dict(state)
    new = {**{name: value for name, value in today.items() if ".upsampling." in name}, **state}
    first = "dense.upsampling.layers.0.0.weight"  # without effect until it is trained; the same from load to load
    new[first] = 0.05 * torch.randn(today[first].shape, generator=torch.Generator().manual_seed(0))
    for name in ("dense.head.weight", "dense.head.bias"):
        grown = torch.zeros_like(today[name])
        grown[: len(state[name])] = state[name]
        if name.endswith("bias"):
            grown[len(state[name]) :] = _NEVER
        new[name] = grown
    trust = "dense.trust.of_class"
    new[trust] = torch.cat([state[trust], today[trust][_EARLIER_CLASSES:].to(state[trust])])
    layer = "dense.trust.layers.0.0.weight"
    probabilities, difference = state[layer][:, :-4], state[layer][:, -4:]  # four pixels each
    unknown = today[layer].shape[1] - state[layer].shape[1]
    new[layer] = torch.cat(
        [probabilities, probabilities.new_zeros(len(probabilities), unknown, 3, 3), difference], dim=1
    )
    return new
