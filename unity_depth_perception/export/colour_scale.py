"""Colour scales for values such as depth, with a labelled colour bar."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.export.text import DARK, LIGHT, Colour, Picture, draw_text, text_px, text_size

NAN_COLOUR: Colour = (128, 128, 128)
INFINITE_COLOUR: Colour = (205, 228, 248)  # pale blue: sky, and beyond the range
# Round numbers within a decade, from sparse to dense: the densest row whose labels do not touch is taken.
_DECADES = ((1,), (1, 3), (1, 2, 5), (1, 1.5, 2, 3, 5, 7), (1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8))


def _viridis() -> NDArray[np.uint8]:
    """(256, 3) RGB: near is bright yellow, far is dark violet; lightness falls evenly, for any colour vision."""
    ramp = np.arange(255, -1, -1, dtype=np.uint8)
    return np.asarray(cv2.applyColorMap(ramp[:, None], cv2.COLORMAP_VIRIDIS)[:, 0, ::-1])


def _blue_white_red() -> NDArray[np.uint8]:
    """(256, 3) RGB for a signed quantity: blue below zero, white at zero, red above."""
    stops = np.array([[20, 50, 130], [75, 135, 215], [245, 245, 245], [225, 95, 75], [130, 10, 30]], dtype=np.float64)
    at = np.linspace(0, 4, 256)
    return np.stack([np.interp(at, range(5), stops[:, channel]) for channel in range(3)], axis=1).astype(np.uint8)


_VIRIDIS = _viridis()
_BLUE_WHITE_RED = _blue_white_red()


@dataclass(frozen=True)
class ColourScale:
    """Colours for values from low to high; values beyond get the end's colour, NaN grey, infinity pale blue.

    A logarithmic scale gives equal relative steps equal colour steps, so that near objects stand out from the floor.
    """

    title: str
    low: float
    high: float
    unit: str
    colours: NDArray[np.uint8]  # (256, 3) RGB
    logarithmic: bool = False
    special: tuple[tuple[str, Colour], ...] = (("invalid", NAN_COLOUR), ("sky", INFINITE_COLOUR))  # of the legend

    def __post_init__(self) -> None:
        if not (math.isfinite(self.low) and math.isfinite(self.high) and self.low < self.high):
            raise InputError(f"expected a colour range with low < high, got {self.low} {self.unit} to {self.high}")
        if self.logarithmic and self.low <= 0:
            raise InputError(f"expected a colour range above 0 {self.unit}, got {self.low} {self.unit} to {self.high}")

    @classmethod
    def of_depth(cls, near_m: float, far_m: float) -> ColourScale:
        """Logarithmic, near bright, far dark."""
        return cls("depth", near_m, far_m, "m", _VIRIDIS, logarithmic=True)

    @classmethod
    def of_error(cls, limit_percent: float) -> ColourScale:
        """Linear from -limit (blue: too near) over 0 (white) to +limit (red: too far)."""
        special = (("unknown", NAN_COLOUR),)
        return cls("error", -limit_percent, limit_percent, "%", _BLUE_WHITE_RED, special=special)

    def position(self, values: NDArray[np.float32]) -> NDArray[np.float32]:
        """Where finite values lie between low (0) and high (1)."""
        if not self.logarithmic:
            return (values - np.float32(self.low)) / np.float32(self.high - self.low)
        scaled = np.log(np.maximum(values, np.float32(self.low)) / np.float32(self.low))
        return np.asarray(scaled / np.float32(math.log(self.high / self.low)))

    def paint(self, values: NDArray[np.float32]) -> Picture:
        """(H, W, 3) uint8 RGB picture of (H, W) values."""
        finite = np.isfinite(values)
        index = np.clip(self.position(np.where(finite, values, np.float32(self.low))) * 255, 0, 255).astype(np.uint8)
        picture = np.asarray(cv2.applyColorMap(index, self.colours[:, None, :]))
        if not finite.all():
            picture[np.isnan(values)] = NAN_COLOUR
            picture[np.isinf(values)] = INFINITE_COLOUR
        return picture

    def with_bar(self, picture: Picture, label_px: int | None = None) -> Picture:
        """The picture with a legend at its right: title, a bar with `low` at the top, and the special colours."""
        height = picture.shape[0]
        px = label_px or text_px(picture.shape)
        line = round(1.5 * px)
        top, bottom = min(2 * line, height // 4), max(height - 3 * line, height // 4 + 1)
        ticks = self.ticks(min_spacing=2 * px / max(bottom - top, 1))
        labels = [_tick_text(tick, ticks, self.unit) for tick in ticks]
        title = f"{self.title} [{self.unit}]"
        margin, label_x = px // 2, 2 * px
        widths = [label_x + text_size(text, px)[0] for text in (*labels, *(name for name, _ in self.special))]
        panel = np.full((height, max(*widths, margin + text_size(title, px)[0]) + margin, 3), DARK, dtype=np.uint8)
        panel[top:bottom, margin : margin + px] = self.colours[np.linspace(0, 255, bottom - top).astype(np.uint8)][
            :, None
        ]
        texts = [(title, margin, margin // 2)]
        for index, (name, colour) in enumerate(self.special):
            y = bottom + px + index * line
            panel[y : y + px, margin : margin + px] = colour
            texts.append((name, label_x, y - round(0.12 * px)))
        for position, label in zip(self.position(np.array(ticks, dtype=np.float32)), labels, strict=True):
            y = round(top + float(position) * (bottom - top - 1))
            panel[y, margin + px : margin + px + max(px // 4, 2)] = LIGHT
            texts.append((label, label_x, max(min(y - round(0.62 * px), height - px), 0)))
        draw_text(panel, texts, px)
        return np.hstack([picture, panel])

    def ticks(self, min_spacing: float) -> list[float]:
        """Round values within the scale for ticks, at least `min_spacing` (fraction of the bar) apart."""
        if self.logarithmic and self.high / self.low >= 3:
            rows = [self._within(_decades(row, self.low, self.high)) for row in _DECADES]
        else:
            rows = [self._within(_multiples(step, self.low, self.high)) for step in _steps(self.high - self.low)]
        fitting = [row for row in rows if self._spacing(row) >= min_spacing]
        return max(fitting, key=len, default=rows[0][:1])

    def _within(self, values: Sequence[float]) -> list[float]:
        slack = 1e-6 * (self.high - self.low)
        return [value for value in values if self.low - slack <= value <= self.high + slack]

    def _spacing(self, ticks: Sequence[float]) -> float:
        positions = self.position(np.array(ticks, dtype=np.float32))
        return float(np.diff(positions).min()) if len(ticks) > 1 else math.inf


def _decades(factors: Sequence[float], low: float, high: float) -> list[float]:
    exponents = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    return [factor * 10.0**exponent for exponent in exponents for factor in factors]


def _steps(span: float) -> list[float]:
    exponent = math.floor(math.log10(span))
    return [factor * 10.0 ** (exponent - down) for down in (0, 1) for factor in (5, 2, 1)]


def _multiples(step: float, low: float, high: float) -> list[float]:
    return [index * step for index in range(math.floor(low / step), math.ceil(high / step) + 1)]


def _tick_text(tick: float, ticks: Sequence[float], unit: str) -> str:
    """Format a tick with as many decimals as the finest tick needs."""
    decimals = next((d for d in range(4) if all(abs(round(t, d) - t) < 1e-4 * max(abs(t), 1e-3) for t in ticks)), 4)
    return f"{tick + 0.0:.{decimals}f} {unit}"
