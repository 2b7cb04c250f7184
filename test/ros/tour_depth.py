"""Depth of a tour's images as a known function of its true depth, and a virtual Unity that sends these images."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from conftest import Graph
from rclpy.parameter import Parameter
from stand_ins import ConstantDepth, is_warm_up
from torch import Tensor

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.models.object_proposals import Gravity, PromisedProposals
from unity_depth_perception.models.protocols import DepthPrediction
from unity_depth_perception.nodes.virtual_unity_node import VirtualUnityNode
from unity_depth_perception.synthetic.tours.tour import Tour, TourConfig

WIDTH, HEIGHT, SEED = 128, 96, 900_001


def tour(frames: int) -> Tour:
    return Tour(TourConfig(frames), SEED, WIDTH, HEIGHT)


def play(graph: Graph, frames: int, **parameters: Any) -> VirtualUnityNode:
    """Publish round after round of the tour."""
    values = {"source": "tour", "tour_frames": frames, "seed": SEED, "width": WIDTH, "height": HEIGHT} | parameters
    overrides = [Parameter(name, value=value) for name, value in values.items()]
    node = graph.add(VirtualUnityNode(context=graph.context, parameter_overrides=overrides))
    assert node.autostart()
    return node


class TourDepth(ConstantDepth):
    """The true depth of the tour's images, times a factor of each; the image is found by its pixels.

    In a later round the noise of an image is another one, so the nearest image is taken.
    """

    name = "tour"

    def __init__(self, samples: Tour, factor: Callable[[int], float] = lambda number: 1.0) -> None:
        super().__init__()
        self._factor = factor
        self._samples = [samples[k] for k in range(len(samples))]
        self._images = torch.stack([_small(torch.from_numpy(sample.image)) for sample in self._samples])

    def infer(
        self, image: Tensor, camera: Camera, gravity: Gravity | None = None, proposals: PromisedProposals | None = None
    ) -> DepthPrediction:
        if is_warm_up(image):
            return super().infer(image, camera)
        number = int((self._images - _small(image)).abs().mean(dim=(1, 2, 3)).argmin())
        depth = torch.from_numpy(np.asarray(self._samples[number].depth_m)) * self._factor(number)
        return DepthPrediction(depth, is_metric=True, scale_source="learned")


def _small(image: Tensor) -> Tensor:
    return image[::2, ::2].float()
