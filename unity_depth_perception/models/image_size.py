"""The size at which a network sees an image."""

from __future__ import annotations

import math


def processing_size(width: int, height: int, area_px: int) -> tuple[int, int]:
    """Width and height of about `area_px` pixels in the image's own proportions, at least 32 px a side."""
    scale = math.sqrt(area_px / (width * height))
    return max(32, round(width * scale)), max(32, round(height * scale))
