"""Frame in, PerceptionResult out: the one place where depth, masks and camera meet."""

from unity_depth_perception.pipeline.frame import Frame, Limits, PerceptionResult
from unity_depth_perception.pipeline.perception import PerceptionPipeline

__all__ = ["Frame", "Limits", "PerceptionPipeline", "PerceptionResult"]
