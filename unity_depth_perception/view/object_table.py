"""Table of a frame's objects for a terminal."""

from __future__ import annotations

import math
import time

from rich.box import SIMPLE_HEAD
from rich.markup import escape
from rich.table import Table

from unity_depth_perception.core.objects import ObjectDistance
from unity_depth_perception.export.overlay.palette import object_colour
from unity_depth_perception.view.frame import ObjectFrame

_NUMBERS = ("distance", "min", "max", "x", "y", "z", "score")
_STALE_S = 2.0  # an older frame is marked


def object_table(frame: ObjectFrame, rate_hz: float, topic: str, now_s: float | None = None) -> Table:
    """Table of one frame: id, category, distances [m], position [m], parent, score; its caption has rate and age.

    Args:
        frame: the newest frame.
        rate_hz: frames per second.
        topic: where they come from.
        now_s: time of drawing [s, `time.monotonic`]; now if None.
    """
    age_s = (time.monotonic() if now_s is None else now_s) - frame.arrived_s
    age = f"[bold red]{age_s:.1f} s old[/]" if age_s > _STALE_S else f"{age_s:.1f} s old"
    models = " + ".join(name for name in (frame.depth_model, frame.segmentation_model) if name)
    rate = f"{rate_hz:.1f} frames/s" if rate_hz else "waiting for the next frame"
    table = Table(
        box=SIMPLE_HEAD,
        title=f"{len(frame.objects)} objects on {escape(topic)}",
        caption=f"{rate}, {age}; positions in {escape(frame.frame_id or 'an unnamed frame')}; {escape(models)}\n"
        "distance: median planar depth over the object, all lengths in metres",
        caption_justify="left",
        title_justify="left",
    )
    table.add_column("id", justify="right")
    table.add_column("category", no_wrap=True, overflow="ellipsis", min_width=10)
    for name in _NUMBERS[:3]:
        table.add_column(name, justify="right", no_wrap=True)
    for name in _NUMBERS[3:6]:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("stands on", no_wrap=True, overflow="ellipsis", min_width=8)
    table.add_column("score", justify="right", no_wrap=True)
    for item in frame.objects:
        table.add_row(*_row(item, frame))
    return table


def _row(item: ObjectDistance, frame: ObjectFrame) -> list[str]:
    red, green, blue = object_colour(item)
    category = f"[rgb({red},{green},{blue})]■[/] {escape(item.category)}"
    lengths = (item.distance.median, item.distance.min, item.distance.max, *item.position_m)
    numbers = [_metres(value) for value in lengths]
    return [str(item.id), category, *numbers, escape(frame.name_of(item.parent_id)), f"{item.score:.2f}"]


def _metres(value: float) -> str:
    return f"{value:.3f}" if math.isfinite(value) else "-"
