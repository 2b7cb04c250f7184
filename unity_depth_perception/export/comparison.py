"""Comparison picture: prediction beside truth, to see why a frame has errors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.objects import ObjectDistance
from unity_depth_perception.export.overlay.picture import Instances, overlay_picture
from unity_depth_perception.export.pictures import Depth, depth_picture, depth_range, error_picture
from unity_depth_perception.export.text import DARK, Picture, draw_text


@dataclass(frozen=True)
class FrameData:
    """Predicted or true instances, objects and depth of a frame; None where unknown.

    Attributes:
        instances: (H, W) integer instance image; an object's value is its id + 1.
        objects: what is known about the instances.
        depth_m: (H, W) float32 planar depth [m].
        notes: notes on objects, by id.
    """

    instances: Instances | None
    objects: Sequence[ObjectDistance]
    depth_m: Depth | None
    notes: Mapping[int, str] = field(default_factory=dict)

    def enlarged(self, factor: int) -> FrameData:
        """The same data for the image enlarged by repeating each pixel `factor` times per side."""
        return replace(
            self,
            instances=None if self.instances is None else _enlarged(self.instances, factor),
            objects=[item.enlarged(factor) for item in self.objects],
            depth_m=None if self.depth_m is None else _enlarged(self.depth_m, factor),
        )


Panels = list[list[tuple[str, Picture]]]
"""One or two rows of (title, picture (H, W, 3) uint8 RGB)."""


def comparison_picture(image: Picture, predicted: FrameData, true: FrameData, *, panel_height: int = 480) -> Picture:
    """Draw `comparison_panels` in one picture (H', W', 3) uint8 RGB, each under its title."""
    return join_panels(comparison_panels(image, predicted, true, panel_height=panel_height), panel_height=panel_height)


def comparison_panels(image: Picture, predicted: FrameData, true: FrameData, *, panel_height: int = 480) -> Panels:
    """Draw two rows of panels: image, true objects, predicted objects; true depth, predicted depth, relative error.

    Panels without data are left out. Both depth panels share one colour range: the truth's where it is known.

    Args:
        image: (H, W, 3) uint8 RGB.
        predicted, true: of the image's size.
        panel_height: height at which a panel will be shown [px]: labels are readable there. A smaller image is
            enlarged to at least that, since it has too few pixels for labels.
    """
    factor = math.ceil(panel_height / image.shape[0])
    image, predicted, true = _enlarged(image, factor), predicted.enlarged(factor), true.enlarged(factor)
    label_px = max(round(_title_px(panel_height) * image.shape[0] / panel_height), 1)
    rows = [
        [("image", image), *_object_panels(image, predicted, true, label_px)],
        _depth_panels(predicted.depth_m, true.depth_m, label_px),
    ]
    return [row for row in rows if row]


def join_panels(rows: Panels, *, panel_height: int = 480) -> Picture:
    """Rows of panels as one picture (H', W', 3) uint8 RGB, each panel under its title and `panel_height` px high."""
    px = _title_px(panel_height)
    titled = [[_titled(title, panel, panel_height, px) for title, panel in row] for row in rows]
    columns = max(len(row) for row in titled)
    widths = [max(row[k].shape[1] for row in titled if k < len(row)) for k in range(columns)]
    return np.vstack([_row(row, widths) for row in titled])


def _title_px(panel_height: int) -> int:
    return max(round(0.036 * panel_height), 10)


def _enlarged(pixels: NDArray[Any], factor: int) -> NDArray[Any]:
    """An image (H, W, ...) with every pixel `factor` x `factor` times."""
    return pixels.repeat(factor, axis=0).repeat(factor, axis=1) if factor > 1 else pixels


def _object_panels(image: Picture, predicted: FrameData, true: FrameData, label_px: int) -> list[tuple[str, Picture]]:
    return [
        (title, overlay_picture(image, view.instances, view.objects, notes=view.notes, label_px=label_px))
        for title, view in (("true objects", true), ("predicted objects", predicted))
        if view.instances is not None
    ]


def _depth_panels(predicted_m: Depth | None, true_m: Depth | None, label_px: int) -> list[tuple[str, Picture]]:
    known = [(title, depth) for title, depth in (("true depth", true_m), ("predicted depth", predicted_m))]
    panels = []
    for title, depth_m in known:
        if depth_m is not None:
            near, far = depth_range(depth_m if true_m is None else true_m)
            panels.append((title, depth_picture(depth_m, near_m=near, far_m=far, label_px=label_px)))
    if predicted_m is not None and true_m is not None:
        panels.append(("relative error of the depth", error_picture(predicted_m, true_m, label_px=label_px)))
    return panels


def _titled(title: str, panel: Picture, height: int, px: int) -> Picture:
    width = max(round(panel.shape[1] * height / panel.shape[0]), 1)
    interpolation = cv2.INTER_AREA if height < panel.shape[0] else cv2.INTER_LINEAR
    scaled = cv2.resize(panel, (width, height), interpolation=interpolation)
    head = np.full((2 * px, width, 3), DARK, dtype=np.uint8)
    draw_text(head, [(title, px // 2, px // 3)], px)
    gap = np.full((height + 2 * px, max(px // 3, 1), 3), DARK, dtype=np.uint8)
    return np.hstack([np.vstack([head, scaled]), gap])


def _row(panels: Sequence[Picture], widths: Sequence[int]) -> Picture:
    """Panels side by side, each in its column; columns without a panel stay dark."""
    row = np.full((panels[0].shape[0], sum(widths), 3), DARK, dtype=np.uint8)
    left = 0
    for panel, width in zip(panels, widths, strict=False):
        row[:, left : left + panel.shape[1]] = panel
        left += width
    return row
