"""Tables and sentences of the page as HTML; every text from outside is escaped."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence

from unity_depth_perception.core.objects import ObjectDistance
from unity_depth_perception.perception import ImagePerception
from unity_depth_perception.web.uploads import UploadedImage

_SCALES = {
    "cube": "The metres come from a cube of known edge.",
    "focal": "The metres come from the focal length of the camera.",
    "poses": "The metres come from the camera's poses.",
    "given": "The metres come from the given scale.",
    "learned": "The metres are a guess: nothing seen tells the scale.",
    "none": "Nothing tells the scale: these are no metres.",
}
_COLUMNS = ("Id", "Object", "Distance", "Nearest", "Farthest", "From camera", "Stands on", "Score")


def status_text(result: ImagePerception, image: UploadedImage, seconds: float) -> str:
    """One paragraph on a result: size, number of objects, model, time, origin of the metres."""
    width, height = result.camera.width, result.camera.height
    count = len(result.objects)
    size = f"{width} x {height} px"
    if image.is_reduced:
        size += f" (reduced from {image.original_size[0]} x {image.original_size[1]} px)"
    objects = "no object" if not count else "1 object" if count == 1 else f"{count} objects"
    text = (
        f"{image.name}, {size}, vertical field of view {math.degrees(result.camera.vertical_fov_rad):.1f} degrees: "
        f"{objects}. Depth by {result.result.depth_model} in {seconds:.1f} s. "
        f"{scale_sentence(result.result.depth.scale_source)}"
    )
    return message(text)


def scale_sentence(scale_source: str) -> str:
    """Where the metres of a result come from, of SCALE_SOURCES."""
    return _SCALES[scale_source]


def message(text: str, *, is_error: bool = False) -> str:
    """A paragraph that screen readers read out when it changes."""
    role, kind = ("alert", "udp-error") if is_error else ("status", "udp-status")
    return f'<p role="{role}" class="{kind}">{html.escape(text)}</p>'


def objects_table(objects: Sequence[ObjectDistance]) -> str:
    """Table of the objects, in the order and with the values of results.json, in metres."""
    by_id = {item.id: item for item in objects}
    rows = []
    for item in objects:
        parent = by_id.get(-1 if item.parent_id is None else item.parent_id)
        d = item.distance
        stands_on = f"{parent.category} {parent.id}" if parent else "floor"
        lengths = (metres(value) for value in (d.median, d.min, d.max, item.range_m))
        rows.append((str(item.id), item.category, *lengths, stands_on, f"{item.score:.2f}"))
    if not rows:
        return message("No object was found in this image.")
    return _table("Objects and their distances", _COLUMNS, rows)


def comparison_table(one: ImagePerception, other: ImagePerception) -> str:
    """Table of the objects that both results have (equal box and category), with both median distances."""
    names = one.result.depth_model, other.result.depth_model
    others = {(item.bbox, item.category): item.distance.median for item in other.objects}
    rows = []
    for item in one.objects:
        a, b = item.distance.median, others.get((item.bbox, item.category), math.nan)
        difference = f"{100 * (b / a - 1):+.1f} %" if math.isfinite(a) and math.isfinite(b) and a > 0 else "-"
        rows.append((item.category, metres(a), metres(b), difference))
    if not rows:
        return message("No object was found in this image.")
    return _table("Distances by both models", ("Object", *names, "Difference"), rows)


def metres(value: float) -> str:
    """A length, `0.831 m`; a dash where it is not known."""
    return f"{value:.3f} m" if math.isfinite(value) else "-"


def _table(caption: str, columns: Iterable[str], rows: Iterable[Sequence[str]]) -> str:
    head = "".join(f'<th scope="col">{html.escape(column)}</th>' for column in columns)
    body = "".join(f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
    return (
        f'<div class="udp-table" tabindex="0" role="region" aria-label="{html.escape(caption)}"><table>'
        f"<caption>{html.escape(caption)}</caption><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>"
    )
