"""Input of the pipeline: a frame, with its depth and segmentation where messages bring them."""

from __future__ import annotations

from typing import NamedTuple

from unity_depth_perception.models.protocols import DepthPrediction, Segmentation
from unity_depth_perception.pipeline import Frame


class FrameInput(NamedTuple):
    """A frame to process.

    Attributes:
        frame: camera, stamp and, unless depth and segmentation are given, the image.
        depth: depth that replaces the depth model; None: the model infers it.
        segmentation: instances that replace the segmentation model; None: the model infers them.
    """

    frame: Frame
    depth: DepthPrediction | None = None
    segmentation: Segmentation | None = None
