"""`unity-depth watch`: a live table of the objects that a node publishes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from unity_depth_perception.core.errors import ConfigurationError

if TYPE_CHECKING:
    from unity_depth_perception.ros.object_watch import ObjectWatch

_PATIENCE_S = 1.5  # discovery takes about a second
_STALE_S = 3.0
_REDRAW_S = 0.25


def watch(
    topic: Annotated[
        str, typer.Option(help="Topic of ObjectDistanceArray messages.")
    ] = "/unity/perception/objects/distances",
    seconds: Annotated[float | None, typer.Option(min=0.1, help="End after this time.")] = None,
) -> None:
    """Show the objects of the newest frame as a live table: distances, positions, parents, rate. Ctrl-C ends it."""
    try:
        from unity_depth_perception.ros.object_watch import watching
    except ImportError as error:
        raise ConfigurationError(f"{error}: watch needs ROS 2's rclpy; `make setup` brings it along") from None
    with watching(topic) as (objects, spin):
        _follow(objects, spin, seconds)
        if objects.frame is None:
            raise typer.Exit(1)


def _follow(objects: ObjectWatch, spin: Callable[[float], None], seconds: float | None) -> None:
    """Receive and redraw until the time is over."""
    started_s = time.monotonic()
    with Live(console=Console(), auto_refresh=False) as live:
        while seconds is None or time.monotonic() < started_s + seconds:
            turn_s = time.monotonic()
            while time.monotonic() < turn_s + _REDRAW_S:
                spin(_REDRAW_S / 5)
            live.update(_screen(objects, started_s, time.monotonic()), refresh=True)


def _screen(objects: ObjectWatch, started_s: float, now_s: float) -> RenderableType:
    """The table of the newest frame, and the reason where none has arrived for a while."""
    from unity_depth_perception.view.object_table import object_table

    if objects.frame is None:
        waited = now_s > started_s + _PATIENCE_S
        return Text(objects.reason(), style="yellow") if waited else Text(f"looking for {objects.topic} ...")
    table = object_table(objects.frame, objects.rate.hz(now_s), objects.topic, now_s)
    if now_s < objects.frame.arrived_s + _STALE_S:
        return table
    return Group(table, Text(objects.reason(), style="yellow"))
