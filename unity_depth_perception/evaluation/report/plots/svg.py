"""Matplotlib figures as SVG for a page of light and dark scheme: colours become CSS variables, ids unique."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from html import escape
from typing import NamedTuple

import matplotlib
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure


@dataclass(frozen=True)
class Palette:
    """Colours of a plot: background, text and axes, grid, and series, the first for the main thing."""

    paper: str
    ink: str
    grid: str
    series: tuple[str, ...]


SERIES = 6
_NAMES = ("background", "ink", "grid", *(f"series-{k + 1}" for k in range(SERIES)))
_STAND_INS = {f"#0000{index + 16:02x}": name for index, name in enumerate(_NAMES)}  # no plot has these by chance
_paper, _ink, _grid, *_series = _STAND_INS
THEMED = Palette(_paper, _ink, _grid, tuple(_series))
"""Stand-ins that `inline_svg` replaces by CSS variables of the page."""
PAPER = Palette("#ffffff", "#1b263b", "#c9ced6", ("#0062a3", "#b34700", "#00734f", "#9c3f74", "#7a5c00", "#4a4a4a"))
"""For pictures on white."""


_SIZE = (4.4, 3.1)  # inches of one plot: small, so that its text is readable on a phone

_LONGEST_NAME = 28  # characters


class Plot(NamedTuple):
    """A plot for an HTML page."""

    title: str
    caption: str
    svg: Markup


def themed_plot(name: str, title: str, caption: str, draw: Callable[[Axes, Palette], None]) -> Plot:
    """A plot that `draw` draws, in the colours of the page.

    Args:
        name: unique in the page.
        caption: what is drawn; also the picture's text for those who do not see it.
    """
    with plot_style(THEMED, name):
        figure = agg_figure(*_SIZE)
        draw(figure.subplots(), THEMED)
        return Plot(title, caption, Markup(inline_svg(figure, name, f"{title}. {caption}")))


def plot_text(name: str) -> str:
    """A name from a data set as a plot can show it: short, without what no font encodes."""
    shown = name.encode(errors="backslashreplace").decode()
    return shown if len(shown) <= _LONGEST_NAME else f"{shown[: _LONGEST_NAME - 1]}…"


def agg_figure(width: float, height: float) -> Figure:
    """An empty figure [inches], without pyplot, which would look for a display."""
    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


@contextmanager
def plot_style(palette: Palette, salt: str = "") -> Iterator[None]:
    """Settings under which a figure is made and saved: colours, text as text, the same bytes in every run.

    Names of categories and files may stand in a plot: nothing in them is read as a formula.
    """
    settings = {
        "svg.fonttype": "none",
        "svg.hashsalt": salt,
        "text.parse_math": False,
        "font.family": "sans-serif",
        "font.sans-serif": ["DejaVu Sans"],  # ships with matplotlib: the same layout on every machine
        "font.size": 10,
        "axes.titlesize": 11,
        "axes.linewidth": 0.6,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.edgecolor": palette.ink,
        "axes.labelcolor": palette.ink,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": palette.grid,
        "grid.linewidth": 0.6,
        "text.color": palette.ink,
        "xtick.color": palette.ink,
        "ytick.color": palette.ink,
        "legend.facecolor": palette.paper,
        "legend.edgecolor": "none",
        "legend.framealpha": 0.85,
        "legend.fontsize": 9,
    }
    with matplotlib.rc_context(settings):
        yield


def png_bytes(figure: Figure) -> bytes:
    """A figure as PNG."""
    content = io.BytesIO()
    figure.savefig(content, format="png", metadata={"Software": None})
    return content.getvalue()


def inline_svg(figure: Figure, name: str, description: str) -> str:
    """A figure as an SVG element for an HTML page; it scales with its container.

    Args:
        figure: made with the colours `THEMED`, within `plot_style`.
        name: unique in the page: the prefix of its ids.
        description: what it shows, for those who do not see it.
    """
    content = io.StringIO()
    figure.savefig(
        content, format="svg", transparent=True, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type"))
    )
    text = content.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"\s*<metadata>.*?</metadata>", "", text, flags=re.DOTALL)
    text = re.sub(r'<style type="text/css">.*?</style>', "", text, flags=re.DOTALL)  # would hold for the whole page
    head, body = text.split(">", 1)
    box = re.search(r'viewBox="([^"]+)"', head)
    body = _with_own_ids(body, name)
    body = re.sub(r"#0000[0-9a-f]{2}", lambda found: _variable(found.group()), body)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" role="img" '
        f'aria-label="{escape(description)}" viewBox="{box.group(1) if box else ""}">{body}'
    )


def _variable(colour: str) -> str:
    return f"var(--{_STAND_INS[colour]})" if colour in _STAND_INS else colour


def _with_own_ids(body: str, name: str) -> str:
    """Drop ids that nothing refers to; prefix the others, since matplotlib numbers each figure alike."""
    used = set(re.findall(r'(?:url\(#|href="#)([^)"]+)', body))
    body = re.sub(
        r' id="([^"]+)"', lambda found: f' id="{name}-{found.group(1)}"' if found.group(1) in used else "", body
    )
    return re.sub(r'(url\(#|href="#)([^)"]+)', rf"\g<1>{name}-\g<2>", body)
