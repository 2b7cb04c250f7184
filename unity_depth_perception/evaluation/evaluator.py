"""Evaluation loop: runs the pipeline over a dataset and scores every frame against its ground truth."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field

import torch

from unity_depth_perception.core.errors import DatasetError, InputError
from unity_depth_perception.core.metrics import DepthMetrics
from unity_depth_perception.dataset.sample import Progress, Sample, SampleSource
from unity_depth_perception.evaluation.coco_ap import CocoEvaluation
from unity_depth_perception.evaluation.ground_truth import true_depth, true_objects
from unity_depth_perception.evaluation.metrics.collection import MetricsCollection
from unity_depth_perception.evaluation.objects import Matches, ObjectScore, match_result, score_objects
from unity_depth_perception.models.protocols import DepthEstimator, Segmenter
from unity_depth_perception.pipeline import Frame, PerceptionPipeline, PerceptionResult


@dataclass(frozen=True)
class FrameScore:
    """Scores of one frame; None for a part without ground truth, and for the stamp where the source has none."""

    index: int
    image: str
    seconds: float
    depth: DepthMetrics | None
    objects: ObjectScore | None
    stamp_ns: int | None = None


@dataclass
class Evaluation:
    """Scores of all frames of a dataset.

    Attributes:
        frames: scores of the frames that were processed.
        failures: (image, error) of the frames that failed.
        poses_refused: (image, error) of the frames whose camera pose contradicts the image and was ignored.
        coco: masks of the frames with true masks; average precision needs all frames together.
        metrics: metrics that are collected frame by frame.
    """

    frames: list[FrameScore] = field(default_factory=list)
    failures: list[tuple[str, str]] = field(default_factory=list)
    poses_refused: list[tuple[str, str]] = field(default_factory=list)
    coco: CocoEvaluation = field(default_factory=CocoEvaluation)
    metrics: MetricsCollection = field(default_factory=MetricsCollection)

    @property
    def fps(self) -> float:
        """Frames per second of the pipeline, without reading files and scoring."""
        return len(self.frames) / sum(frame.seconds for frame in self.frames)


class Evaluator:
    """Evaluates a pipeline; a model that is None is replaced by the ground truth of its stage.

    The dataset's camera poses, where it has them, give the pipeline the direction of gravity, as the topic
    `camera_pose` does in a live system; `use_camera_pose` False withholds them. `metrics` is a level of
    `MetricsCollection`: basic or all.
    """

    def __init__(
        self,
        depth_estimator: DepthEstimator | None,
        segmenter: Segmenter | None,
        device: torch.device,
        use_camera_pose: bool = True,
        metrics: str = "basic",
    ) -> None:
        self.depth_model = depth_estimator.name if depth_estimator else "truth"
        self.segmentation_model = segmenter.name if segmenter else "truth"
        self.device = device
        self.use_camera_pose = use_camera_pose
        self.metrics = metrics
        self._pipeline = PerceptionPipeline(depth_estimator, segmenter, device)
        self._true_depth = depth_estimator is None
        self._true_masks = segmenter is None

    def evaluate(
        self,
        dataset: SampleSource,
        limit: int | None = None,
        progress: Progress = iter,
        take: Callable[[PerceptionResult], None] | None = None,
    ) -> Evaluation:
        """Score the first `limit` images (all if None). A frame that fails is listed and skipped.

        Args:
            progress: wraps the iteration over indices, for a progress bar.
            take: called with the result of each frame.

        Raises:
            DatasetError: the dataset is empty, or not one frame could be processed.
            ModelError: the depth model gives relative depth, which has no error in metres.
        """
        count = len(dataset) if limit is None else min(limit, len(dataset))
        if count == 0:
            raise DatasetError("expected a dataset with at least one image, got none to evaluate")
        self._warm_up(dataset)
        evaluation = Evaluation(metrics=MetricsCollection(self.metrics))
        for index in progress(range(count)):
            try:
                self._score(evaluation, index, dataset[index], take)
            except InputError as error:
                evaluation.failures.append((dataset.names[index], str(error)))
        if not evaluation.frames:
            raise DatasetError(f"none of {count} images could be evaluated; the first: {evaluation.failures[0][1]}")
        return evaluation

    def process(self, sample: Sample) -> PerceptionResult:
        """Run one sample through the pipeline, with replaced stages taken from its ground truth."""
        frame = Frame(
            sample.image,
            sample.camera,
            stamp_ns=sample.stamp_ns or 0,
            frame_id=sample.frame_id,
            world_from_camera=sample.world_from_camera if self.use_camera_pose else None,
            lens=sample.lens,
        )
        depth = true_depth(sample, self.device) if self._true_depth else None
        segmentation = true_objects(sample, self.device).segmentation if self._true_masks else None
        return self._pipeline.process(frame, depth=depth, segmentation=segmentation)

    def _warm_up(self, dataset: SampleSource) -> None:
        """Process the first frame once before timing: it also loads kernels and allocates memory."""
        try:
            self.process(dataset[0])
        except InputError:
            return  # reported by the main loop

    def _score(
        self, evaluation: Evaluation, index: int, sample: Sample, take: Callable[[PerceptionResult], None] | None
    ) -> None:
        start = time.perf_counter()
        result = self.process(sample)
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        seconds = time.perf_counter() - start
        if take is not None:
            take(result)
        if result.pose_error is not None:
            evaluation.poses_refused.append((sample.name, str(result.pose_error)))
        objects, truth, matches = None, None, Matches((), ())
        if sample.instances is not None:
            truth = true_objects(sample, self.device)
            matches = match_result(result, truth)
            objects = score_objects(result, truth, matches)
            evaluation.coco.add(result.segmentation, truth.segmentation)
        depth = evaluation.metrics.add(sample, result, truth, matches.same_category)
        evaluation.frames.append(FrameScore(index, sample.name, seconds, depth, objects, sample.stamp_ns))
