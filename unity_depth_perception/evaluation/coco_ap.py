"""Average precision of masks and boxes as COCO defines it, computed by pycocotools.

AP is the mean over the IoU thresholds 0.50, 0.55 .. 0.95, AP50 that of 0.50 alone, both the mean over the categories
that occur in the truth. AP rates the ranking of candidates by score: the 100 candidates of highest score count in each
image and category, or the instances of a segmentation without candidates. https://cocodataset.org/#detection-eval
"""

from __future__ import annotations

import contextlib
import io
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.models.mask_rcnn.paste_masks import MASK_THRESHOLD, mask_windows
from unity_depth_perception.models.protocols import Candidates, Segmentation

_LEAST_SCORE = 0.005  # of a candidate in a category; lower scores would rank last and change AP little


@dataclass(frozen=True)
class CocoScores:
    """Average precision and recall, 0..1; NaN if the truth has no object.

    Attributes:
        recall: for each category of the truth, the share of its objects that are instances with a mask IoU >= 0.5.
    """

    mask_ap: float
    mask_ap50: float
    box_ap: float
    box_ap50: float
    recall: Mapping[str, float] = field(default_factory=dict)


class CocoEvaluation:
    """Collects frames as run-length codes and scores all of them together."""

    def __init__(self) -> None:
        self._images: list[dict[str, int]] = []
        self._ranked: list[dict[str, Any]] = []
        self._predicted: list[dict[str, Any]] = []
        self._true: list[dict[str, Any]] = []
        self._category_ids: dict[str, int] = {}

    def add(self, predicted: Segmentation, true: Segmentation) -> None:
        """Add the prediction and the truth of one frame.

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
        found, candidates = self._entries(predicted), predicted.candidates
        self._predicted += found
        self._ranked += found if candidates is None else self._candidates(candidates, height, width)
        self._true += self._entries(true)

    def scores(self) -> CocoScores:
        """Score all frames added so far."""
        if not self._true:
            return CocoScores(math.nan, math.nan, math.nan, math.nan)
        masks, boxes = (self._evaluated(self._ranked, kind) for kind in ("segm", "bbox"))
        recall = self._recall(self._evaluated(self._predicted, "segm"))
        return CocoScores(*_mean_precisions(masks), *_mean_precisions(boxes), recall=recall)

    def _entries(self, found: Segmentation) -> list[dict[str, Any]]:
        """COCO annotations of one frame's instances."""
        # Run-length codes go down the columns: transposed once, masks need no copy each.
        columns = np.ascontiguousarray(found.instances.cpu().numpy().T.astype(np.uint16))
        return [
            self._entry(_encoded((columns == k + 1).T), category, score)
            for k, (category, score) in enumerate(zip(found.categories, found.scores, strict=True))
        ]

    def _candidates(self, found: Candidates, height: int, width: int) -> list[dict[str, Any]]:
        """COCO annotations of all candidates of one frame, one for each category of sufficient score."""
        entries = []
        scores = found.scores.tolist()
        for index, rows, columns, soft in mask_windows(found.masks, found.boxes, found.size, height, width):
            mask = np.zeros((height, width), dtype=bool)
            mask[rows, columns] = (soft > MASK_THRESHOLD).cpu().numpy()
            code = _encoded(mask)
            entries += [
                self._entry(code, category, score)
                for category, score in zip(found.categories, scores[index], strict=True)
                if score >= _LEAST_SCORE
            ]
        return entries

    def _entry(self, code: dict[str, Any], category: str, score: float) -> dict[str, Any]:
        """A COCO annotation of the last frame, without its id."""
        return {
            "image_id": len(self._images),
            "category_id": self._category_ids.setdefault(category, len(self._category_ids) + 1),
            "segmentation": code,
            "bbox": coco_mask.toBbox(code).tolist(),
            "area": float(coco_mask.area(code)),
            "score": score,
            "iscrowd": 0,
        }

    def _evaluated(self, found: Sequence[dict[str, Any]], kind: str) -> dict[str, Any]:
        with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints its progress
            evaluation = COCOeval(self._indexed(self._true), self._indexed(found), kind)
            evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
            evaluation.params.maxDets = [100]
            evaluation.evaluate()
            evaluation.accumulate()
        evaluated: dict[str, Any] = evaluation.eval
        return evaluated

    def _indexed(self, entries: Sequence[dict[str, Any]]) -> COCO:
        """A COCO index of annotations. Ids count from 1: pycocotools takes 0 for no match."""
        coco = COCO()
        coco.dataset = {
            "images": self._images,
            "categories": [{"id": number, "name": name} for name, number in self._category_ids.items()],
            "annotations": [{"id": k + 1, **entry} for k, entry in enumerate(entries)],  # COCOeval writes into them
        }
        coco.createIndex()
        return coco

    def _recall(self, evaluated: dict[str, Any]) -> dict[str, float]:
        at_50 = evaluated["recall"][0, :, 0, 0]  # -1 where the truth has none
        return {name: float(at_50[k]) for k, name in enumerate(self._category_ids) if at_50[k] >= 0}


def _encoded(mask: NDArray[Any]) -> dict[str, Any]:
    """COCO's run-length code of a mask (H, W)."""
    code: dict[str, Any] = coco_mask.encode(np.asfortranarray(mask).view(np.uint8))
    return code


def _mean_precisions(evaluated: dict[str, Any]) -> tuple[float, float]:
    precision = evaluated["precision"][..., 0, 0]  # (thresholds, recalls, categories), -1 where the truth has none
    known = precision[:, :, precision[0, 0] >= 0]
    return float(known.mean()), float(known[0].mean())
