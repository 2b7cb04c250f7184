"""Groups of pixels that depth errors are summed by: distance, category, and whether a pixel lies at an object's rim."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

DISTANCE_BINS_M = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0, 12.0, 16.0, 24.0, 32.0, 64.0, math.inf)
"""Edges of the bins of true depth [m], the same in every report, so that reports compare; multiples of a quarter."""
RIM_PX = 2
"""Pixels within this of another object or of the background form the rims."""
_QUARTERS_PER_M = 4
_BINS = len(DISTANCE_BINS_M) - 1
_BIN_OF_QUARTER = (
    np.searchsorted(
        np.array(DISTANCE_BINS_M), np.arange(64 * _QUARTERS_PER_M + 1) / _QUARTERS_PER_M, side="right"
    ).astype(np.intp)
    - 1
)


@dataclass(frozen=True)
class PixelGroups:
    """Group of each pixel, the combination of its bin, category and rim.

    Attributes:
        number: (H, W) group of each pixel; that of pixels without truth means nothing.
        names: names of the categories in order; the first, "", is the background.
    """

    number: NDArray[np.intp]
    names: tuple[str, ...]

    @property
    def count(self) -> int:
        """Number of groups."""
        return len(self.names) * _BINS * 2

    def split(self, sums: NDArray[np.float64]) -> NDArray[np.float64]:
        """Sums (count, S) as (categories, bins, rim, S)."""
        return sums.reshape(len(self.names), _BINS, 2, -1)


def pixel_groups(
    truth_m: NDArray[np.floating[Any]], instances: NDArray[np.integer[Any]] | None, categories: Sequence[str]
) -> PixelGroups:
    """Group the pixels of a frame by true depth (H, W) [m] and by the instance image, if there is one.

    Args:
        instances: (H, W), 0 = background, k + 1 = object of the category `categories[k]`.
    """
    with np.errstate(invalid="ignore"):  # NaN becomes some bin, of which no sum is taken
        quarter = np.clip(np.nan_to_num(truth_m * _QUARTERS_PER_M, nan=0.0), 0, len(_BIN_OF_QUARTER) - 1)
    number = _BIN_OF_QUARTER[quarter.astype(np.int32)] * 2
    names = ("", *sorted(set(categories)))
    if instances is not None:
        stride = np.array([0, *(names.index(name) * _BINS * 2 for name in categories)], dtype=np.intp)
        number += stride[instances]
        number += rim_pixels(instances)
    return PixelGroups(number, names)


def rim_pixels(instances: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
    """Pixels within RIM_PX of another object or of the background, (H, W) bool, of an instance image (H, W)."""
    values = instances.astype(np.uint16)
    window = np.ones((2 * RIM_PX + 1, 2 * RIM_PX + 1), dtype=np.uint8)  # by default what is beyond the image is ignored
    return np.asarray(cv2.erode(values, window) != cv2.dilate(values, window))
