"""Gaussians of Depth Anything 3 giant and nested, placed in the world of the depth and poses that are returned.

The network gives one Gaussian per pixel in its own unit, at the poses that it predicts. Like the reference's exporter
(depth_anything_3.utils.export.gs, 0.1.1), those at the border of the image and the farthest tenth are left out; unlike
it, lengths are scaled together with the depth, and given poses are applied to the Gaussians too.
"""

from __future__ import annotations

import importlib.util
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unity_depth_perception.core.errors import ModelError
from unity_depth_perception.core.gaussians import Gaussians
from unity_depth_perception.core.pose import pose_from_matrix
from unity_depth_perception.models.depth_anything_3.network import DepthAnything3Network

_BORDER_RATIO = 8 / 256  # of the image's side
_KEPT_SHARE = 0.9  # of each view's pixels, the nearest ones

GAUSSIAN_MODELS = ("da3-giant-1.1", "da3nested-giant-large-1.1")
"""Names of the models that predict Gaussians."""

Matrices = NDArray[np.float64]


def require_gaussian_model(name: str) -> None:
    """Raise ModelError unless the model of this name predicts Gaussians, and e3nn is installed; nothing is loaded."""
    if name not in GAUSSIAN_MODELS:
        raise ModelError(f"Gaussians: expected the depth model {' or '.join(GAUSSIAN_MODELS)}, got {name!r}")
    _require_e3nn()


def require_gaussian_head(network: object) -> None:
    """Raise ModelError unless a network predicts Gaussians and e3nn, which turns their colours, is installed."""
    if not (isinstance(network, DepthAnything3Network) and network.has_gaussians):
        raise ModelError(
            "expected a network with a Gaussian head, got one without: take da3-giant-1.1 or da3nested-giant-large-1.1 "
            "and load it with DepthOptions(gaussians=True)"
        )
    _require_e3nn()


def _require_e3nn() -> None:
    if importlib.util.find_spec("e3nn") is None:
        raise ModelError(
            "Gaussians need the package e3nn, which is not installed: pip install unity-depth-perception[gaussians]"
        )


def kept_pixels(depth: Tensor) -> Tensor:
    """Mask (N, h, w) of the pixels whose Gaussians are kept, from their depth (N, h, w); +Inf is sky."""
    height, width = depth.shape[1:]
    rows, columns = int(_BORDER_RATIO * height), int(_BORDER_RATIO * width)
    inner = torch.zeros_like(depth, dtype=torch.bool)
    inner[:, rows : height - rows, columns : width - columns] = True
    finite = torch.where(depth.isfinite(), depth, torch.nan).flatten(1)
    limit = torch.nanquantile(finite, _KEPT_SHARE, dim=1)
    return inner & (depth <= limit[:, None, None])


def place_gaussians(
    raw: Any, kept: Tensor, predicted: Matrices, target: Matrices | None, scale: float
) -> list[Gaussians]:
    """Gaussians of the kept pixels of each view in the target world.

    Args:
        raw: the network's output `gaussians`, tensors (1, N h w, ...) in its unit and in the world of `predicted`.
        kept: mask (N, h, w).
        predicted: (N, 4, 4) world_from_camera in the network's unit.
        target: (N, 4, 4) world_from_camera [m] that replaces `predicted`; None: `predicted`, scaled.
        scale: metres per unit.
    """
    parts = []
    for view, mask in enumerate(kept):
        pixels = slice(view * mask.numel(), (view + 1) * mask.numel())
        chosen = mask.flatten() & (raw.scales[0, pixels] > 0).all(dim=-1)
        part = {name: getattr(raw, name)[0, pixels][chosen].float() for name in _NAMES}
        part["means"], part["scales"] = scale * part["means"], scale * part["scales"]
        if target is not None:
            scaled = predicted[view].copy()
            scaled[:3, 3] *= scale
            part |= _moved(part, target[view] @ np.linalg.inv(scaled))
        parts.append(_finite([part[name].cpu().numpy() for name in _NAMES]))
    return parts


def move_gaussians(gaussians: Gaussians, scale: float, motion: NDArray[np.float64]) -> Gaussians:
    """Gaussians after a similarity of the world: lengths times `scale`, then a rigid motion (4, 4)."""
    given = (
        scale * gaussians.means_m, scale * gaussians.scales_m, gaussians.rotations, gaussians.opacities,
        gaussians.harmonics,
    )  # fmt: skip
    part = {name: torch.from_numpy(array) for name, array in zip(_NAMES, given, strict=True)}
    part |= _moved(part, motion)
    return Gaussians(*(part[name].numpy() for name in _NAMES))


def _finite(arrays: list[NDArray[np.float32]]) -> Gaussians:
    """Gaussians of these arrays, without those that are not finite."""
    finite = np.logical_and.reduce([np.isfinite(array).reshape(len(array), -1).all(axis=1) for array in arrays])
    return Gaussians(*(array[finite] for array in arrays))


_NAMES = ("means", "scales", "rotations", "opacities", "harmonics")  # in the order of core.gaussians.Gaussians


def _moved(part: dict[str, Tensor], motion: NDArray[np.float64]) -> dict[str, Tensor]:
    """Centres, quaternions and harmonics after a rigid motion (4, 4) of the world."""
    from depth_anything_3.utils.sh_helpers import rotate_sh

    means, harmonics = part["means"], part["harmonics"]
    matrix = torch.from_numpy(motion).to(means)
    x, y, z, w = pose_from_matrix(motion)[1]
    return {
        "means": means @ matrix[:3, :3].T + matrix[:3, 3],
        "rotations": _product(means.new_tensor([w, x, y, z]), part["rotations"]),
        "harmonics": rotate_sh(harmonics, matrix[:3, :3].expand(*harmonics.shape[:2], 3, 3)),
    }


def _product(left: Tensor, right: Tensor) -> Tensor:
    """Hamilton product of quaternions w, x, y, z: (4,) times (G, 4)."""
    w, x, y, z = left
    rows = [torch.stack(r) for r in ([w, -x, -y, -z], [x, w, -z, y], [y, z, w, -x], [z, -y, x, w])]
    return right @ torch.stack(rows).T
