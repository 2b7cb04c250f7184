"""Progress on the terminal."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

Item = TypeVar("Item")


@contextlib.contextmanager
def kept_on_interrupt(kept: Callable[[], str]) -> Iterator[None]:
    """Say on Ctrl-C what the call has left, and end with exit code 130."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo(f"unity-depth: interrupted; {kept()}", err=True)
        raise typer.Exit(130) from None


def track(items: Iterable[Item], total: int, description: str) -> Iterator[Item]:
    """Iterate over items with a progress bar on stderr."""
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True)) as progress:
        yield from progress.track(items, total=total, description=description)
