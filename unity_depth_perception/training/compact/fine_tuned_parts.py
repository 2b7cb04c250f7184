"""Choice between a fine-tuned segmentation and its start, so that training on few images forgets nothing.

A few dozen images are learnt by heart long before the schedule ends: the crop classifier's loss vanishes while on other
images of the same camera objects get lost. Weights half way between the start's and the trained ones keep what the
start knew and most of what was learnt (Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022). Whether
they are taken, or the trained ones, is decided on the validation images, by all that counts in use; where neither is
better than the start, the start stays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

import torch
from torch import Tensor

from unity_depth_perception.evaluation.coco_ap import CocoEvaluation
from unity_depth_perception.evaluation.objects import match_segmentations
from unity_depth_perception.models.checkpoints.file_content import is_torch_file
from unity_depth_perception.models.checkpoints.safetensors_file import categories_of, load_description, load_weights
from unity_depth_perception.models.compact.segmentation import CompactSegmenter
from unity_depth_perception.training.engine.config import TrainingConfig
from unity_depth_perception.training.segmentation.checkpoint import save_segmentation
from unity_depth_perception.training.segmentation.mask_rcnn import Task
from unity_depth_perception.training.segmentation.report import predict_beside_truth

State = dict[str, Tensor]
_LEAST_GAIN = 0.01  # of the sum of the scores: less is noise of a few images
_OBJECTS = 3  # by which trained weights must be better than those half way; each counts in precision and in recall


class Scores(NamedTuple):
    """Scores 0..1 on the validation images: mask AP, and precision and recall of what is reported."""

    mask_ap: float
    precision: float
    recall: float

    def __str__(self) -> str:
        return f"mask AP {self.mask_ap:.3f}, precision {self.precision:.3f}, recall {self.recall:.3f}"

    def improves_on(self, best: Scores, start: Scores, least_gain: float) -> bool:
        """Whether no score is below the start's, and their sum is clearly above that of the best so far."""
        return all(own >= other for own, other in zip(self, start, strict=True)) and sum(self) > sum(best) + least_gain


def better_of(
    start: Path, trained: State, config: TrainingConfig, task: Task, say: Callable[[str], None] = print
) -> State:
    """The trained weights, or those half way between them and the start's, or the start's.

    What replaces the start must not be worse by any of `Scores`, and the trained weights must be better than those half
    way by more than a few objects make. Without validation images, or where the start's categories are not the
    dataset's, the trained ones are returned.

    Args:
        start: weights that the training started from.
        trained: tensors of all networks, named `part.tensor`.
        say: prints a line.
    """
    if task.samples is None or is_torch_file(start):
        return trained
    if categories_of(load_description(start), start) != config.categories:
        return trained
    original = load_weights(start)[0]
    best, chosen = original, "the start"
    first, objects = _measure(original, config, task)
    best_scores = first
    say(f"validation of the start: {first}")
    for name, state, least_gain in (
        ("the weights half way", _half_way(original, trained), _LEAST_GAIN),
        ("the trained weights", trained, 2 * _OBJECTS / max(objects, 1)),
    ):
        scores, _ = _measure(state, config, task)
        say(f"validation of {name}: {scores}")
        if scores.improves_on(best_scores, first, least_gain):
            best, best_scores, chosen = state, scores, name
    say(f"kept: {chosen}" + ("" if best is not original else "; the training improved nothing"))
    return best


def _half_way(start: State, trained: State) -> State:
    """Mean of two states; counters, such as those of batch normalisation, are the trained ones."""
    return {
        name: torch.lerp(start[name].to(tensor), tensor, 0.5) if tensor.is_floating_point() else tensor
        for name, tensor in trained.items()
    }


def _measure(state: Mapping[str, Tensor], config: TrainingConfig, task: Task) -> tuple[Scores, int]:
    """Scores of networks on all validation images, and how many objects these show."""
    with TemporaryDirectory(dir=config.output, prefix=".candidate-") as folder:
        path = Path(folder) / "candidate.safetensors"
        save_segmentation(path, state, task, config.categories, {})
        segmenter = CompactSegmenter(config.device, path)
    assert task.samples is not None
    evaluation = CocoEvaluation()
    right = found = there = 0
    for index in task.validation:
        predicted, truth = predict_beside_truth(segmenter, task.samples[index])
        evaluation.add(predicted, truth.segmentation)
        right += len(match_segmentations(predicted, truth.segmentation).same_category)
        found, there = found + len(predicted.categories), there + len(truth.segmentation.categories)
    return Scores(evaluation.scores().mask_ap, right / max(found, 1), right / max(there, 1)), there
