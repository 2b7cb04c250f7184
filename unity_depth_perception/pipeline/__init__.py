"""Frame in, PerceptionResult out: the one place where depth, masks and camera meet."""

from unity_depth_perception.pipeline.perception import Frame, Limits, PerceptionPipeline, PerceptionResult

__all__ = ["Frame", "Limits", "PerceptionPipeline", "PerceptionResult"]
