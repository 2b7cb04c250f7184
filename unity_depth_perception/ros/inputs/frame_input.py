"""A frame to process, with what is already known of its results."""

from __future__ import annotations

from typing import NamedTuple

from unity_depth_perception.models.protocols import DepthPrediction, Segmentation
from unity_depth_perception.pipeline import Frame


class FrameInput(NamedTuple):
    """A frame, and what of its results is known already."""

    frame: Frame
    depth: DepthPrediction | None = None
    segmentation: Segmentation | None = None
