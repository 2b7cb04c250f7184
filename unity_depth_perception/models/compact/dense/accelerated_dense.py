"""The dense network as it is run for one image: its encoder and decoder in an inference engine, where there is one."""

from __future__ import annotations

import torch
from torch import Tensor

from unity_depth_perception.models.compact.dense.depth_network import CompactDepthNetwork, DensePrediction, Encoding
from unity_depth_perception.models.engine.onnx_file import MethodModule
from unity_depth_perception.models.runtime.acceleration import accelerate
from unity_depth_perception.models.runtime.threads import on_one_thread


class AcceleratedDense:
    """`encode` and `decode` of a CompactDepthNetwork."""

    def __init__(self, network: CompactDepthNetwork, acceleration: str, device: torch.device, scenes: str) -> None:
        """`acceleration` is one of ACCELERATIONS; `scenes`, what the network is for, is named in the log."""
        self.network = network
        self._encode, self._decode = (
            accelerate(MethodModule(network, method), acceleration, device, f"the {part} of compact depth{scenes}")
            for method, part in (("encode_pixels", "encoder"), ("decode_pixels", "decoder"))
        )

    def encode(self, image: Tensor, rays: Tensor) -> Encoding:
        """See CompactDepthNetwork.encode."""
        return self.network.with_floor(*self._encode(image, rays))

    def decode(self, encoding: Encoding, rays: Tensor, normal: Tensor) -> DensePrediction:
        """See CompactDepthNetwork.decode."""
        decoding = self._decode(encoding.skips, encoding.coarsest, rays, normal)
        return on_one_thread(self.network.finish)(decoding, rays, normal)
