"""Visualisation: depth as colours, depth errors, objects drawn over the image."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import ImageColor

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.core.objects import ObjectDistance
from unity_depth_perception.export.colour_scale import ColourScale
from unity_depth_perception.export.text import (
    DARK,
    LIGHT,
    Colour,
    Picture,
    Rect,
    draw_text,
    place_labels,
    text_px,
    text_size,
)

_MASK_OPACITY = 0.3
_ERROR_LIMIT_PERCENT = 30.0  # relative error at the ends of the error colours
_NOTED: Colour = (150, 20, 30)  # background of the label of an object with a note
_NEAREST_M = 1e-3  # a logarithmic colour scale cannot start at 0

Depth = NDArray[np.float32]
Instances = NDArray[np.integer[Any]]


def depth_picture(
    depth_m: Depth, *, near_m: float | None = None, far_m: float | None = None, label_px: int | None = None
) -> Picture:
    """Draw depth in colours (near red, far blue, NaN grey, +Inf dark) with a logarithmic colour bar in metres.

    Args:
        depth_m: (H, W) float32 planar depth [m].
        near_m: depth of the first colour; the image's 1st percentile if None.
        far_m: depth of the last colour; the image's 99th percentile if None.
        label_px: height of the bar's labels [px]; follows the picture's size if None.

    Returns:
        (H, W', 3) uint8 RGB, W' > W.

    Raises:
        InputError: depth is not (H, W), or not 0 < near_m < far_m.
    """
    _check_depth(depth_m)
    near, far = depth_range(depth_m)
    near = near if near_m is None else near_m
    far = max(far, near * 1.01) if far_m is None else far_m
    if near_m is None:  # far_m alone was given, and may lie before everything in the image
        near = min(near, far / 1.01)
    scale = ColourScale.of_depth(near, far)
    return scale.with_bar(scale.paint(depth_m), label_px)


def error_picture(depth_m: Depth, true_depth_m: Depth, *, label_px: int | None = None) -> Picture:
    """Draw the signed relative error (depth - truth) / truth: red too far, blue too near, grey unknown.

    Raises:
        InputError: the two are not (H, W) of one size.
    """
    _check_depth(depth_m)
    if depth_m.shape != true_depth_m.shape:
        raise InputError(f"expected two depth images of one size, got {depth_m.shape} and {true_depth_m.shape}")
    known = np.isfinite(depth_m) & np.isfinite(true_depth_m) & (true_depth_m > 0)
    percent = np.full(depth_m.shape, np.nan, dtype=np.float32)
    percent[known] = 100 * (depth_m[known] / true_depth_m[known] - 1)
    scale = ColourScale.of_error(_ERROR_LIMIT_PERCENT)
    return scale.with_bar(scale.paint(percent), label_px)


def depth_range(depth_m: Depth) -> tuple[float, float]:
    """(near, far) [m]: 1st and 99th percentile of the finite values above 0; (0.1, 10) if there are none."""
    values = depth_m[np.isfinite(depth_m) & (depth_m > 0)]
    if values.size == 0:
        return 0.1, 10.0
    near, far = (float(v) for v in np.percentile(values, (1, 99)))
    near = max(near, _NEAREST_M)
    return near, max(far, near * 1.01)


def _check_depth(depth_m: Depth) -> None:
    if depth_m.ndim != 2 or depth_m.size == 0:
        raise InputError(f"expected a depth image (H, W), got shape {depth_m.shape}")


def overlay_picture(
    image: Picture,
    instances: Instances,
    objects: Sequence[ObjectDistance],
    *,
    notes: Mapping[int, str] | None = None,
    label_px: int | None = None,
) -> Picture:
    """Draw objects over the image: masks, contours, boxes, labels `category  0.83 m`, and an arrow to each parent.

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
    line = max(round(px / 10), 1)
    picture = image.copy()
    for item in objects:
        _draw_mask(picture, instances, item, line)
    for child, parent in _links(objects):
        _draw_arrow(picture, _inside(instances, child), _inside(instances, parent), line)
    _draw_labels(picture, instances, objects, notes or {}, px)
    return picture


def object_colour(item: ObjectDistance) -> Colour:
    """Saturated form of the colour in the category's name; for any other category a colour by id.

    So a wrong category is visible: a red cube with a blue contour.
    """
    try:
        named = ImageColor.getrgb(item.category.partition("_")[0])[:3]
        hue, saturation, value = (int(v) for v in _convert(named, cv2.COLOR_RGB2HSV))
    except ValueError:
        # Golden ratio steps around the hue circle keep neighbouring ids apart.
        hue, saturation, value = round((0.08 + item.id * 0.618034) % 1 * 180) % 180, 255, 255
    red, green, blue = _convert((hue, min(saturation, 200), 255 if saturation else value), cv2.COLOR_HSV2RGB)
    return int(red), int(green), int(blue)


def _convert(colour: Sequence[int], code: int) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(np.array([[colour]], dtype=np.uint8), code)[0, 0])


def _draw_mask(picture: Picture, instances: Instances, item: ObjectDistance, line: int) -> None:
    colour = object_colour(item)
    mask = instances == item.id + 1
    tint = np.array(colour, dtype=np.float32) * _MASK_OPACITY
    picture[mask] = (picture[mask] * (1 - _MASK_OPACITY) + tint).astype(np.uint8)
    contours, _ = cv2.findContours(mask.astype(np.uint8), cv2.RETR_LIST, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(picture, contours, -1, colour, 2 * line, cv2.LINE_AA)
    x_min, y_min, x_max, y_max = item.bbox
    cv2.rectangle(picture, (x_min, y_min), (x_max - 1, y_max - 1), colour, max(line // 2, 1))


def _links(objects: Sequence[ObjectDistance]) -> list[tuple[ObjectDistance, ObjectDistance]]:
    by_id = {item.id: item for item in objects}
    return [(item, by_id[item.parent_id]) for item in objects if item.parent_id is not None and item.parent_id in by_id]


def _inside(instances: Instances, item: ObjectDistance) -> tuple[int, int]:
    """The pixel (x, y) of an object's mask nearest to the mask's mean; the box's centre if it is empty."""
    rows, columns = np.nonzero(instances == item.id + 1)
    if rows.size == 0:
        return (item.bbox[0] + item.bbox[2]) // 2, (item.bbox[1] + item.bbox[3]) // 2
    nearest = int(np.argmin((rows - rows.mean()) ** 2 + (columns - columns.mean()) ** 2))
    return int(columns[nearest]), int(rows[nearest])


def _draw_arrow(picture: Picture, start: tuple[int, int], end: tuple[int, int], line: int) -> None:
    """Draw a light arrow with a dark outline, visible on any background."""
    length = math.hypot(end[0] - start[0], end[1] - start[1])
    tip = min(9 * line / max(length, 1.0), 0.4)
    for colour, thickness in ((DARK, 4 * line), (LIGHT, 2 * line)):
        cv2.circle(picture, start, 2 * line + thickness // 2, colour, cv2.FILLED, cv2.LINE_AA)
        cv2.arrowedLine(picture, start, end, colour, thickness, cv2.LINE_AA, tipLength=tip)


def _label(item: ObjectDistance) -> str:
    distance_m = item.distance.median if math.isfinite(item.distance.median) else item.distance.center
    return f"{item.category}  {distance_m:.2f} m" if math.isfinite(distance_m) else item.category


def _draw_labels(
    picture: Picture, instances: Instances, objects: Sequence[ObjectDistance], notes: Mapping[int, str], px: int
) -> None:
    """Draw labels on dark plates whose left edge has the object's colour."""
    pad, strip = max(px // 4, 2), max(px // 4, 2)
    names = [f"{_label(item)}  {notes.get(item.id, '')}".rstrip() for item in objects]
    sizes = [(text_size(name, px)[0] + strip + 2 * pad, text_size(name, px)[1] + pad) for name in names]
    boxes = place_labels(sizes, [Rect(*item.bbox) for item in objects], instances > 0)
    texts = []
    for item, name, box in zip(objects, names, boxes, strict=True):
        plate = picture[box.y_min : box.y_max, box.x_min : box.x_max]
        ground = _NOTED if item.id in notes else DARK
        plate[:] = (plate * 0.25 + np.array(ground) * 0.75).astype(np.uint8)
        plate[:, :strip] = object_colour(item)
        texts.append((name, box.x_min + strip + pad, box.y_min + pad // 2))
    draw_text(picture, texts, px)
