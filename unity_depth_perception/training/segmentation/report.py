"""Report on a trained segmentation: average precision on the validation images, pictures of worst and random ones."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from unity_depth_perception.core.objects import ObjectDistance
from unity_depth_perception.dataset.files import write_image
from unity_depth_perception.dataset.sample import Progress, Sample, SampleSource
from unity_depth_perception.evaluation.coco_ap import CocoEvaluation, CocoScores
from unity_depth_perception.evaluation.error_notes import error_notes
from unity_depth_perception.evaluation.ground_truth import TrueObjects, true_objects
from unity_depth_perception.evaluation.objects import Matches, match_segmentations
from unity_depth_perception.export.comparison import FrameData, comparison_picture
from unity_depth_perception.export.text import DARK, Picture
from unity_depth_perception.models.protocols import Segmentation, Segmenter

_FRAMES = 4  # of a picture
_PANEL_PX = 320


class _Frame(NamedTuple):
    sample: int  # its index
    errors: int  # false alarms and missed objects


def write_report(
    segmenter: Segmenter,
    samples: SampleSource,
    indices: Sequence[int],
    output: Path,
    seed: int,
    progress: Progress = iter,
) -> CocoScores:
    """Score a segmentation and write worst.png and random.png: image, ground truth and prediction of some frames.

    Args:
        indices: of the validation images.
        seed: for the choice of random frames.

    Raises:
        OSError: a picture cannot be written.
    """
    evaluation, frames = CocoEvaluation(), []
    for index in progress(indices):
        predicted, truth = predict_beside_truth(segmenter, samples[index])
        evaluation.add(predicted, truth.segmentation)
        matches = match_segmentations(predicted, truth.segmentation)
        frames.append(_Frame(index, len(predicted.scores) + len(truth.objects) - 2 * len(matches.same_category)))
    worst = sorted(frames, key=lambda frame: -frame.errors)[:_FRAMES]
    drawn = np.random.default_rng(seed).permutation(len(frames))[:_FRAMES]
    for name, chosen in (("worst", worst), ("random", [frames[k] for k in sorted(drawn)])):
        pictures = [_picture(segmenter, samples[frame.sample]) for frame in chosen]
        write_image(output / f"{name}.png", _stack(pictures))
    return evaluation.scores()


def predict_beside_truth(segmenter: Segmenter, sample: Sample) -> tuple[Segmentation, TrueObjects]:
    """Prediction for a sample and its ground truth; a sample without objects needs no instance image."""
    with torch.inference_mode():
        predicted = segmenter.infer(torch.from_numpy(sample.image).to(segmenter.device), sample.camera)
    if sample.instances is None and not sample.objects:
        sample = replace(sample, instances=np.zeros(sample.image.shape[:2], dtype=np.uint16))
    return predicted, true_objects(sample, segmenter.device)


def _picture(segmenter: Segmenter, sample: Sample) -> Picture:
    predicted, truth = predict_beside_truth(segmenter, sample)
    matches = match_segmentations(predicted, truth.segmentation)
    factor = math.ceil(_PANEL_PX / sample.image.shape[0])  # labels on a small image would be unreadable
    view, true = _view(predicted, factor), _view(truth.segmentation, factor)
    notes, true_notes = error_notes(view.objects, true.objects, Matches((), matches.any_category))
    return comparison_picture(
        _enlarge(sample.image, factor),
        replace(view, notes=notes),
        replace(true, notes=true_notes),
        panel_height=_PANEL_PX,
    )


def _view(segmentation: Segmentation, factor: int) -> FrameData:
    """Instances and objects without distances, enlarged."""
    instances = _enlarge(segmentation.instances.cpu().numpy(), factor)
    objects = []
    for k, (category, score) in enumerate(zip(segmentation.categories, segmentation.scores, strict=True)):
        rows, columns = np.nonzero(instances == k + 1)
        box = (int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
        objects.append(ObjectDistance(k, category, box, score=score))
    return FrameData(instances, objects, None)


def _enlarge(pixels: NDArray[Any], factor: int) -> NDArray[Any]:
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1)


def _stack(pictures: Sequence[Picture]) -> Picture:
    width = max(picture.shape[1] for picture in pictures)
    rows = []
    for picture in pictures:
        row = np.full((picture.shape[0], width, 3), DARK, dtype=np.uint8)
        row[:, : picture.shape[1]] = picture
        rows.append(row)
    return np.vstack(rows)
