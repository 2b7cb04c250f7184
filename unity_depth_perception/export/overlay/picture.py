"""Objects drawn over their image: tinted masks, contours, labels with distances, arrows to parents."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.core.objects import ObjectDistance
from unity_depth_perception.export.overlay.labels import Label, draw_label, draw_leader, label_text, place_labels
from unity_depth_perception.export.overlay.palette import object_colour
from unity_depth_perception.export.text import DARK, LIGHT, Colour, Picture, Rect, text_px

_MASK_OPACITY = 0.3
_NOTED: Colour = (150, 20, 30)  # plate of an object with a note

Instances = NDArray[np.integer[Any]]


class _Region(NamedTuple):
    """Where one object is: its rectangle, contours in image coordinates, and the mask's pixel nearest to its mean."""

    rect: Rect
    contours: tuple[NDArray[np.int32], ...]
    middle: tuple[int, int]

    @property
    def outline(self) -> NDArray[np.int32]:
        """(N, 2) points (x, y) of all contours; the rectangle's corners where there is no mask."""
        if self.contours:
            return np.concatenate([contour[:, 0] for contour in self.contours])
        x_min, y_min, x_max, y_max = self.rect
        return np.array([[x, y] for x in (x_min, x_max - 1) for y in (y_min, y_max - 1)], dtype=np.int32)


def overlay_picture(
    image: Picture,
    instances: Instances,
    objects: Sequence[ObjectDistance],
    *,
    notes: Mapping[int, str] | None = None,
    label_px: int | None = None,
) -> Picture:
    """Draw objects over the image: masks, contours, labels such as `2 green block  0.83 m`, an arrow to each parent.

    A label has the object's id, a short form of its category and its distance. Labels stay off objects and off each
    other as long as the image has room.

    Args:
        image: (H, W, 3) uint8 RGB.
        instances: (H, W) integer instance image; an object's value is its id + 1.
        objects: what is known about the instances; the label shows the median distance, else the centre's,
            else none.
        notes: additional text of labels, by id; a label with a note is red.
        label_px: height of the labels [px]; follows the picture's size if None.

    Returns:
        (H, W, 3) uint8 RGB; the input is not changed.

    Raises:
        InputError: image and instances differ in size.
    """
    if instances.shape != image.shape[:2]:
        raise InputError(f"expected instances of the image's size {image.shape[:2]}, got {instances.shape}")
    px = label_px or text_px(image.shape)
    line = max(round(px / 12), 1)
    picture = image.copy()
    occupied = instances > 0
    regions = _regions(instances, occupied, objects)
    _tint(picture, instances, occupied, objects)
    for item, region in zip(objects, regions, strict=True):
        _draw_contours(picture, region, object_colour(item), line)
    by_id = {item.id: region for item, region in zip(objects, regions, strict=True)}
    for item in objects:
        if item.parent_id is not None and item.parent_id in by_id:
            _draw_arrow(picture, by_id[item.id].middle, by_id[item.parent_id].middle, line)
    _draw_labels(picture, occupied, objects, regions, notes or {}, px)
    return picture


def _regions(instances: Instances, occupied: NDArray[np.bool_], objects: Sequence[ObjectDistance]) -> list[_Region]:
    """The region of every object, from one pass over the image and one over the object's own pixels."""
    rows, columns = np.nonzero(occupied)
    values = instances[rows, columns]
    return [_region(instances, item, rows[values == item.id + 1], columns[values == item.id + 1]) for item in objects]


def _region(instances: Instances, item: ObjectDistance, rows: NDArray[Any], columns: NDArray[Any]) -> _Region:
    if rows.size == 0:
        return _Region(Rect(*item.bbox), (), (sum(item.bbox[::2]) // 2, sum(item.bbox[1::2]) // 2))
    rect = Rect(int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
    mask = instances[rect.y_min : rect.y_max, rect.x_min : rect.x_max] == item.id + 1
    contours, _ = cv2.findContours(
        mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE, offset=(rect.x_min, rect.y_min)
    )
    nearest = int(np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2))
    shapes = tuple(np.asarray(contour, dtype=np.int32) for contour in contours)
    return _Region(rect, shapes, (int(columns[nearest]), int(rows[nearest])))


def _tint(
    picture: Picture, instances: Instances, occupied: NDArray[np.bool_], objects: Sequence[ObjectDistance]
) -> None:
    """Blend the objects' colours into their pixels; instances without an object stay as they are."""
    ids = [item.id for item in objects]
    if not ids:
        return
    values = np.minimum(instances[occupied], max(ids) + 2)  # beyond the table: not an object of the list
    pixels = picture[occupied].astype(np.float32)
    tints = np.zeros((max(ids) + 3, 3), dtype=np.float32)
    opacity = np.zeros((max(ids) + 3, 1), dtype=np.float32)
    for item in objects:
        tints[item.id + 1], opacity[item.id + 1] = object_colour(item), _MASK_OPACITY
    picture[occupied] = (pixels + (tints[values] - pixels) * opacity[values]).astype(np.uint8)


def _draw_contours(picture: Picture, region: _Region, colour: Colour, line: int) -> None:
    """Draw a contour in the object's colour with a thin dark rim, visible on a background of the same colour."""
    for shade, thickness in ((DARK, 2 * line + 2), (colour, 2 * line)):
        cv2.drawContours(picture, region.contours, -1, shade, thickness, cv2.LINE_AA)


def _draw_arrow(picture: Picture, start: tuple[int, int], end: tuple[int, int], line: int) -> None:
    """Draw a light arrow with a dark outline, visible on any background."""
    length = math.hypot(end[0] - start[0], end[1] - start[1])
    tip = min(8 * line / max(length, 1.0), 0.4)
    for colour, thickness in ((DARK, 4 * line), (LIGHT, 2 * line)):
        cv2.circle(picture, start, 2 * line + thickness // 2, colour, cv2.FILLED, cv2.LINE_AA)
        cv2.arrowedLine(picture, start, end, colour, thickness, cv2.LINE_AA, tipLength=tip)


def _draw_labels(
    picture: Picture,
    occupied: NDArray[np.bool_],
    objects: Sequence[ObjectDistance],
    regions: Sequence[_Region],
    notes: Mapping[int, str],
    px: int,
) -> None:
    labels = [
        Label(
            str(item.id),
            label_text(item, notes.get(item.id, "")),
            object_colour(item),
            _NOTED if item.id in notes else DARK,
        )
        for item in objects
    ]
    boxes = place_labels([label.size(px) for label in labels], [region.rect for region in regions], occupied)
    for label, box, region in zip(labels, boxes, regions, strict=True):
        draw_leader(picture, box, region.outline, label.colour, max(round(px / 10), 1))
    for label, box in zip(labels, boxes, strict=True):
        draw_label(picture, box, label, px)
