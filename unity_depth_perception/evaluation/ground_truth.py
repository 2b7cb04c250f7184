"""Ground truth of a sample in the form of predictions, to replace a stage and to compare with."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
import torch

from unity_depth_perception.core.errors import DatasetError
from unity_depth_perception.core.objects import ObjectDistance
from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.models.protocols import DepthPrediction, Segmentation


def true_depth(sample: Sample, device: torch.device) -> DepthPrediction:
    """The sample's true depth as a prediction.

    Raises:
        DatasetError: the sample has none.
    """
    if sample.depth_m is None:
        raise DatasetError(f"{sample.name}: expected true depth in depth/, found none")
    return DepthPrediction(torch.from_numpy(sample.depth_m).to(device), is_metric=True, scale_source="given")


@dataclass(frozen=True)
class TrueObjects:
    """Annotated objects in the pipeline's numbering: object k has id k and value k + 1 in the instance image.

    Attributes:
        segmentation: the masks as a prediction of score 1.
        objects: the annotations, with ids and parents renumbered.
        median_m: (N,) true median distance; NaN where neither the annotation nor true depth gives one.
        ids: (N,) the annotations' own ids.
    """

    segmentation: Segmentation
    objects: tuple[ObjectDistance, ...]
    median_m: tuple[float, ...]
    ids: tuple[int, ...]


def true_objects(sample: Sample, device: torch.device) -> TrueObjects:
    """The sample's masks and annotations, with ids renumbered; values without annotation become background.

    Raises:
        DatasetError: the sample has no masks.
    """
    if sample.instances is None:
        raise DatasetError(f"{sample.name}: expected masks in masks/, found none")
    index_of = {item.id: index for index, item in enumerate(sample.objects)}
    table = np.zeros(int(np.iinfo(np.uint16).max) + 1, dtype=np.int32)
    for item_id, index in index_of.items():
        table[item_id + 1] = index + 1
    segmentation = Segmentation(
        torch.from_numpy(table[sample.instances]).to(device),
        tuple(item.category for item in sample.objects),
        (1.0,) * len(sample.objects),
    )
    objects = tuple(
        replace(item, id=index_of[item.id], parent_id=None if item.parent_id is None else index_of.get(item.parent_id))
        for item in sample.objects
    )
    medians = tuple(_true_median(sample, item) for item in sample.objects)
    return TrueObjects(segmentation, objects, medians, tuple(item.id for item in sample.objects))


def _true_median(sample: Sample, item: ObjectDistance) -> float:
    """The annotated median [m], else the lower median of the true depth over the mask."""
    if math.isfinite(item.distance.median) or sample.depth_m is None or sample.instances is None:
        return item.distance.median
    depths = sample.depth_m[sample.instances == item.id + 1]
    depths = depths[np.isfinite(depths) & (depths > 0)]
    return float(np.quantile(depths, 0.5, method="lower")) if depths.size else math.nan  # as ops.statistics has it
