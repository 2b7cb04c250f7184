"""Selection of the device that networks run on."""

from __future__ import annotations

import torch

from unity_depth_perception.core.errors import ConfigurationError


def resolve_device(requested: str, cuda_available: bool) -> torch.device:
    """Device for the request `auto`, `cpu`, `cuda` or `cuda:N`; auto is the GPU if there is one.

    Raises:
        ConfigurationError: the request is none of these, or names a GPU and there is none.
    """
    if requested == "auto":
        return torch.device("cuda" if cuda_available else "cpu")
    if requested != "cpu" and requested.partition(":")[0] != "cuda":
        raise ConfigurationError(f"expected device auto, cpu, cuda or cuda:N, got {requested!r}")
    if requested != "cpu" and not cuda_available:
        raise ConfigurationError(f"device {requested!r} was asked for, but torch sees no GPU; use auto or cpu")
    try:
        return torch.device(requested)
    except RuntimeError:
        raise ConfigurationError(f"expected device auto, cpu, cuda or cuda:N, got {requested!r}") from None
