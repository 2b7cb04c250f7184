"""Input of the pipeline: a frame, with its depth and segmentation where messages bring them."""

from __future__ import annotations

from typing import NamedTuple

from unity_depth_perception.models.protocols import DepthPrediction, Segmentation
from unity_depth_perception.pipeline import Frame
from unity_depth_perception.ros.conversions.placement import OPTICAL, Placement


class FrameInput(NamedTuple):
    """A frame to process.

    Attributes:
        frame: camera, stamp and, unless depth and segmentation are given, the image.
        depth: depth that replaces the depth model; None: the model infers it.
        segmentation: instances that replace the segmentation model; None: the model infers them.
        placement: frame in which the results are expressed.
    """

    frame: Frame
    depth: DepthPrediction | None = None
    segmentation: Segmentation | None = None
    placement: Placement = OPTICAL
