"""Checkpoint of a trained segmentation: weights and description in one .safetensors file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from torch import Tensor

from unity_depth_perception.core.objects import ObjectDistance
from unity_depth_perception.evaluation.coco_ap import CocoScores
from unity_depth_perception.export.overlay.palette import object_colour
from unity_depth_perception.models.checkpoints.safetensors_file import save_weights
from unity_depth_perception.models.mask_rcnn.segmenter import KIND
from unity_depth_perception.training.segmentation.mask_rcnn import Task


def save_segmentation(
    path: Path,
    state: Mapping[str, Tensor],
    task: Task,
    categories: tuple[str, ...],
    training: Mapping[str, Any],
    scores: CocoScores | None = None,
) -> None:
    """Write a checkpoint that `create_segmenter` loads by its path.

    The description holds kind, network, categories, their colours in overlays [RGB], input_size (side of a square with
    the area of the input images [px]), training settings, and scores on the validation images.
    """
    description = {
        "kind": "compact-segmentation" if task.network == "compact" else KIND,
        "network": task.network,
        "categories": list(categories),
        "colours": [list(object_colour(ObjectDistance(k, name, (0, 0, 1, 1)))) for k, name in enumerate(categories)],
        "input_size": task.input_px,
        "training": dict(training),
    }
    if scores is not None:
        description["metrics"] = json_scores(scores)
    save_weights(path, state, description)


def json_scores(scores: CocoScores) -> dict[str, Any]:
    """Scores as a JSON object; an undefined one (NaN) is null."""
    return {name: _number(value) if isinstance(value, float) else value for name, value in asdict(scores).items()}


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
