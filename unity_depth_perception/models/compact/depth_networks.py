"""The networks of the `compact` depth, as a weights file names them."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from unity_depth_perception.models.compact.cube_scale import CubeScaleNetwork
from unity_depth_perception.models.compact.dense.depth_network import CompactDepthNetwork
from unity_depth_perception.models.compact.dense.sky_gate import SkyGate


class CompactDepthNetworks(nn.Module):
    """The networks of one model.

    Attributes:
        dense: depth of rooms.
        cube_scale: the ground plane and the scale, from crops of objects.
        open: depth of open scenes; None where `dense` serves all.
        sky_gate: which of the two an image gets; None without `open`.
    """

    def __init__(self, has_open: bool = True) -> None:
        super().__init__()
        self.dense, self.cube_scale = CompactDepthNetwork(), CubeScaleNetwork()
        self.open = CompactDepthNetwork() if has_open else None
        self.sky_gate = SkyGate() if has_open else None

    @classmethod
    def for_weights(cls, state: Mapping[str, Tensor]) -> CompactDepthNetworks:
        """Untrained networks for the tensors of a file; those of earlier versions know no open scenes."""
        return cls(any(name.startswith("open.") for name in state))
