"""Average precision of masks and boxes as COCO defines it, computed by pycocotools.

AP is the mean over the IoU thresholds 0.50, 0.55 .. 0.95, AP50 that of 0.50 alone, both the mean over the categories
that the truth has. Of an image the 100 surest objects count. https://cocodataset.org/#detection-eval
"""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.models.protocols import Segmentation


@dataclass(frozen=True)
class CocoScores:
    """0..1; NaN where the truth has no object.

    Attributes:
        recall: for each category of the truth, the share of its objects that are found with a mask IoU >= 0.5.
    """

    mask_ap: float
    mask_ap50: float
    box_ap: float
    box_ap50: float
    recall: Mapping[str, float] = field(default_factory=dict)


class CocoEvaluation:
    """Collects frames, as run-length codes, and scores them all at once."""

    def __init__(self) -> None:
        self._images: list[dict[str, int]] = []
        self._predicted: list[dict[str, Any]] = []
        self._true: list[dict[str, Any]] = []
        self._category_ids: dict[str, int] = {}

    def add(self, predicted: Segmentation, true: Segmentation) -> None:
        """One frame: what was found and what is there.

        Raises:
            InputError: the two instance images differ in size.
        """
        if predicted.instances.shape != true.instances.shape:
            raise InputError(
                f"expected instance images of one size, got {tuple(predicted.instances.shape)} and "
                f"{tuple(true.instances.shape)}"
            )
        height, width = true.instances.shape
        self._images.append({"id": len(self._images) + 1, "height": height, "width": width})
        self._predicted += self._entries(predicted, len(self._predicted))
        self._true += self._entries(true, len(self._true))

    def scores(self) -> CocoScores:
        """Of all frames so far."""
        if not self._true:
            return CocoScores(math.nan, math.nan, math.nan, math.nan)
        masks, boxes = self._evaluated("segm"), self._evaluated("bbox")
        return CocoScores(*_mean_precisions(masks), *_mean_precisions(boxes), recall=self._recall(masks))

    def _entries(self, found: Segmentation, before: int) -> list[dict[str, Any]]:
        """COCO annotations of one frame. Ids count from 1: pycocotools takes 0 for no match."""
        instances = found.instances.cpu().numpy()
        entries = []
        for k, (category, score) in enumerate(zip(found.categories, found.scores, strict=True)):
            code = coco_mask.encode(np.asfortranarray(instances == k + 1, dtype=np.uint8))
            entries.append(
                {
                    "id": before + k + 1,
                    "image_id": len(self._images),
                    "category_id": self._category_ids.setdefault(category, len(self._category_ids) + 1),
                    "segmentation": code,
                    "bbox": coco_mask.toBbox(code).tolist(),
                    "area": float(coco_mask.area(code)),
                    "score": score,
                    "iscrowd": 0,
                }
            )
        return entries

    def _evaluated(self, kind: str) -> dict[str, Any]:
        with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints its progress
            evaluation = COCOeval(self._indexed(self._true), self._indexed(self._predicted), kind)
            evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
            evaluation.params.maxDets = [100]
            evaluation.evaluate()
            evaluation.accumulate()
        evaluated: dict[str, Any] = evaluation.eval
        return evaluated

    def _indexed(self, entries: Sequence[dict[str, Any]]) -> COCO:
        coco = COCO()
        coco.dataset = {
            "images": self._images,
            "categories": [{"id": number, "name": name} for name, number in self._category_ids.items()],
            "annotations": [dict(entry) for entry in entries],  # COCOeval writes into them
        }
        coco.createIndex()
        return coco

    def _recall(self, evaluated: dict[str, Any]) -> dict[str, float]:
        at_50 = evaluated["recall"][0, :, 0, 0]  # -1 where the truth has none
        return {name: float(at_50[k]) for k, name in enumerate(self._category_ids) if at_50[k] >= 0}


def _mean_precisions(evaluated: dict[str, Any]) -> tuple[float, float]:
    precision = evaluated["precision"][..., 0, 0]  # (thresholds, recalls, categories), -1 where the truth has none
    known = precision[:, :, precision[0, 0] >= 0]
    return float(known.mean()), float(known[0].mean())
