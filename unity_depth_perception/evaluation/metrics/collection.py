"""All metrics of an evaluation's frames: what `Evaluator` adds to, and what report.json holds under `metrics`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from unity_depth_perception.core.errors import ConfigurationError
from unity_depth_perception.core.metrics import DepthMetrics
from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.evaluation.ground_truth import TrueObjects
from unity_depth_perception.evaluation.metrics.boundaries import boundary_iou
from unity_depth_perception.evaluation.metrics.depth_collection import DepthCollection
from unity_depth_perception.evaluation.metrics.object_distances import ObjectDistanceCollection, complete_truth
from unity_depth_perception.evaluation.metrics.temporal import TemporalCollection
from unity_depth_perception.pipeline import PerceptionResult

LEVELS = ("basic", "all")
_NO_DEPTH = "no image has true depth with a valid pixel"
_NO_OBJECTS = "no image has a matched object with a true distance"
_NO_SEQUENCE = "no two consecutive images have a stamp, a true pose and enough in common"
_NOT_ASKED = "not computed: metrics are basic"


class MetricsCollection:
    """Metrics of frames, in constant memory for depth and a few numbers per object.

    Collections of several workers merge, in the order of their sources, to the numbers that one worker gets.
    """

    def __init__(self, level: str = "basic") -> None:
        """Collect metrics of a level: `basic`, or `all`, which takes several times as long.

        Raises:
            ConfigurationError: there is no such level.
        """
        if level not in LEVELS:
            raise ConfigurationError(f"expected metrics of {' or '.join(LEVELS)}, got {level!r}")
        self.level = level
        self._depth = DepthCollection(everything=level == "all")
        self._objects = ObjectDistanceCollection()
        self._temporal = TemporalCollection()

    def add(
        self,
        sample: Sample,
        result: PerceptionResult,
        truth: TrueObjects | None = None,
        matches: Sequence[tuple[int, int]] = (),
    ) -> DepthMetrics | None:
        """Add a frame; frames of one source are added in their order.

        Args:
            truth: the sample's true objects, if it has any.
            matches: pairs of positions in the predicted and in the true objects.

        Returns:
            Depth metrics of the frame; None without true depth.
        """
        everything = self.level == "all"
        depth_m = result.depth.depth_m.cpu().numpy()
        instances = None if truth is None else truth.segmentation.instances.cpu().numpy()
        depth = None
        if sample.depth_m is not None:
            categories = () if truth is None else truth.segmentation.categories
            depth = self._depth.add(depth_m, sample.depth_m, instances, categories)
        objects = () if truth is None else complete_truth(sample, truth)
        pairs = [(result.objects[k], objects[m]) for k, m in matches]
        self._objects.add(pairs)
        if everything:
            if instances is not None:
                found = result.segmentation.instances.cpu().numpy()
                self._objects.add_boundary_ious(boundary_iou(found, instances, matches))
            self._temporal.add(sample, depth_m, None if depth is None else depth.scale, pairs)
        return None if depth is None else depth.metrics

    def merge(self, other: MetricsCollection) -> None:
        """Add what another collection has collected of other sources.

        Raises:
            ConfigurationError: it is of another level.
        """
        if other.level != self.level:
            raise ConfigurationError(f"expected metrics of level {self.level} to merge with, got {other.level}")
        self._depth.merge(other._depth)
        self._objects.merge(other._objects)
        self._temporal.merge(other._temporal)

    def summary(self) -> dict[str, Any]:
        """The numbers for report.json; a part that has none is None, and `reasons` says why."""
        parts = {
            "depth": (self._depth.summary(), _NO_DEPTH),
            "objects": (self._objects.summary(), _NO_OBJECTS),
            "temporal": (self._temporal.summary(), _NO_SEQUENCE if self.level == "all" else _NOT_ASKED),
        }
        return {
            "level": self.level,
            **{name: part for name, (part, _) in parts.items()},
            "reasons": {name: reason for name, (part, reason) in parts.items() if part is None},
        }
