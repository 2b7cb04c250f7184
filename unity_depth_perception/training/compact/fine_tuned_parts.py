"""Choice between a fine-tuned segmentation and its start, so that training on few images forgets nothing.

A few dozen images are learnt by heart long before the schedule ends: the crop classifier's loss vanishes while on other
images of the same camera objects get lost. Which of the trained networks to keep is therefore decided on the validation
images, by all that counts in use, and where none is better than the start, the start stays.
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
from unity_depth_perception.training.segmentation.report import labelled_truth

State = dict[str, Tensor]
_LEAST_GAIN = 0.01  # of the sum of the scores: less is noise of a few images


class Scores(NamedTuple):
    """Scores 0..1 on the validation images: mask AP, and precision and recall of what is reported."""

    mask_ap: float
    precision: float
    recall: float

    def __str__(self) -> str:
        return f"mask AP {self.mask_ap:.3f}, precision {self.precision:.3f}, recall {self.recall:.3f}"

    def improves_on(self, start: Scores) -> bool:
        """Whether no score is below the start's, and their sum is clearly above."""
        return (
            all(own >= other for own, other in zip(self, start, strict=True)) and sum(self) > sum(start) + _LEAST_GAIN
        )


def better_of(
    start: Path, trained: State, config: TrainingConfig, task: Task, say: Callable[[str], None] = print
) -> State:
    """The trained networks, or those of the start, or the trained detector with the start's other networks.

    A trained candidate must not be worse than the start by any of `Scores`; without validation images, or where the
    start's categories are not the dataset's, the trained networks are returned.

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
    detector_only = {**original, **{name: value for name, value in trained.items() if name.startswith("detector.")}}
    candidates = {"the trained networks": trained, "the trained detector alone": detector_only}
    first = _measure(original, config, task)
    say(f"validation of the start: {first}")
    best, best_scores, chosen = original, first, "the start"
    for name, state in candidates.items():
        scores = _measure(state, config, task)
        say(f"validation of {name}: {scores}")
        if scores.improves_on(first) and (best is original or sum(scores) > sum(best_scores)):
            best, best_scores, chosen = state, scores, name
    say(f"kept: {chosen}" + ("" if best is not original else "; the training improved nothing"))
    return best


def _measure(state: Mapping[str, Tensor], config: TrainingConfig, task: Task) -> Scores:
    """Scores of networks on all validation images."""
    with TemporaryDirectory(dir=config.output, prefix=".candidate-") as folder:
        path = Path(folder) / "candidate.safetensors"
        save_segmentation(path, state, task, config.categories, {})
        segmenter = CompactSegmenter(config.device, path)
    assert task.samples is not None
    evaluation = CocoEvaluation()
    right = found = there = 0
    for index in task.validation:
        sample = task.samples[index]
        with torch.inference_mode():
            predicted = segmenter.infer(torch.from_numpy(sample.image).to(config.device), sample.camera)
        truth = labelled_truth(sample, config.device)
        evaluation.add(predicted, truth.segmentation)
        right += len(match_segmentations(predicted, truth.segmentation).same_category)
        found, there = found + len(predicted.categories), there + len(truth.segmentation.categories)
    return Scores(evaluation.scores().mask_ap, right / max(found, 1), right / max(there, 1))
