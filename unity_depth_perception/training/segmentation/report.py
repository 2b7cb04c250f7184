"""How well a segmentation does on images that it did not learn from: average precision, and pictures to look at."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from unity_depth_perception.core.objects import ObjectDistance
from unity_depth_perception.dataset.sample import Sample, SampleSource
from unity_depth_perception.evaluation.coco_ap import CocoEvaluation, CocoScores
from unity_depth_perception.evaluation.ground_truth import TrueObjects, true_objects
from unity_depth_perception.evaluation.objects import Matches, match_segmentations
from unity_depth_perception.evaluation.worst_frames import error_notes
from unity_depth_perception.export.comparison import FrameData, comparison_picture
from unity_depth_perception.export.text import DARK, Picture
from unity_depth_perception.models.protocols import Segmentation, Segmenter

_SHOWN = 4  # frames in a picture
_PANEL_PX = 320

Progress = Callable[[Sequence[int]], Iterable[int]]


class _Frame(NamedTuple):
    number: int  # of the sample
    errors: int


def judge(
    segmenter: Segmenter,
    samples: SampleSource,
    indices: Sequence[int],
    output: Path,
    seed: int,
    progress: Progress = iter,
) -> CocoScores:
    """Score a segmentation and write worst.png and random.png: image, truth and what was found of some frames.

    Args:
        indices: of the images to judge by.
        seed: of the random frames.

    Raises:
        OSError: a picture cannot be written.
    """
    evaluation, frames = CocoEvaluation(), []
    for index in progress(indices):
        found, truth = _seen(segmenter, samples[index])
        evaluation.add(found, truth.segmentation)
        matches = match_segmentations(found, truth.segmentation)
        frames.append(_Frame(index, len(found.scores) + len(truth.objects) - 2 * len(matches.same_category)))
    worst = sorted(frames, key=lambda frame: -frame.errors)[:_SHOWN]
    drawn = np.random.default_rng(seed).permutation(len(frames))[:_SHOWN]
    for name, chosen in (("worst", worst), ("random", [frames[k] for k in sorted(drawn)])):
        pictures = [_picture(segmenter, samples[frame.number]) for frame in chosen]
        if not cv2.imwrite(str(output / f"{name}.png"), np.ascontiguousarray(_stacked(pictures)[..., ::-1])):
            raise OSError(f"cannot write {output / name}.png")
    return evaluation.scores()


def labelled_truth(sample: Sample, device: torch.device) -> TrueObjects:
    """The true objects of an image, which may have none and then needs no mask."""
    if sample.instances is None and not sample.objects:
        sample = replace(sample, instances=np.zeros(sample.image.shape[:2], dtype=np.uint16))
    return true_objects(sample, device)


def _seen(segmenter: Segmenter, sample: Sample) -> tuple[Segmentation, TrueObjects]:
    with torch.inference_mode():
        found = segmenter.infer(torch.from_numpy(sample.image).to(segmenter.device), sample.camera)
    return found, labelled_truth(sample, segmenter.device)


def _picture(segmenter: Segmenter, sample: Sample) -> Picture:
    found, truth = _seen(segmenter, sample)
    matches = match_segmentations(found, truth.segmentation)
    times = math.ceil(_PANEL_PX / sample.image.shape[0])  # labels on a small image could not be read
    predicted, true = _view(found, times), _view(truth.segmentation, times)
    notes, true_notes = error_notes(predicted.objects, true.objects, Matches((), matches.any_category))
    return comparison_picture(
        _enlarged(sample.image, times),
        replace(predicted, notes=notes),
        replace(true, notes=true_notes),
        panel_height=_PANEL_PX,
    )


def _view(segmentation: Segmentation, times: int) -> FrameData:
    """What is seen where, without distances, each pixel `times` times as wide and high."""
    instances = _enlarged(segmentation.instances.cpu().numpy(), times)
    objects = []
    for k, (category, score) in enumerate(zip(segmentation.categories, segmentation.scores, strict=True)):
        rows, columns = np.nonzero(instances == k + 1)
        box = (int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
        objects.append(ObjectDistance(k, category, box, score=score))
    return FrameData(instances, objects, None)


def _enlarged(pixels: NDArray[Any], times: int) -> NDArray[Any]:
    return pixels.repeat(times, axis=0).repeat(times, axis=1)


def _stacked(pictures: Sequence[Picture]) -> Picture:
    width = max(picture.shape[1] for picture in pictures)
    rows = []
    for picture in pictures:
        row = np.full((picture.shape[0], width, 3), DARK, dtype=np.uint8)
        row[:, : picture.shape[1]] = picture
        rows.append(row)
    return np.vstack(rows)
