"""Choice of keyframes of a stream: frames that the camera's motion sets apart from the one before."""

from __future__ import annotations

import math
from collections.abc import Iterable

import cv2
import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.reconstruction.sources.input_view import InputView

_TURN_RAD = math.radians(8.0)
_FLOW_RATIO = 0.06  # median displacement of corners over the image width
_CORNERS = 200
_WIDTH_PX = 320  # at which corners are tracked


def choose_keyframes(views: Iterable[InputView], step_m: float = 0.1) -> list[InputView]:
    """The first view and each one that differs from the keyframe before by its camera's motion.

    With poses: by `step_m` or 8 degrees. Without: where corners tracked from the keyframe (Lucas-Kanade) moved by 6 %
    of the image width in the median, or half of them are lost.
    """
    kept: list[InputView] = []
    for view in views:
        if not kept or _has_moved(kept[-1], view, step_m):
            kept.append(view)
    return kept


def moved_by_pose(first: NDArray[np.float64], second: NDArray[np.float64], step_m: float) -> bool:
    """Whether poses (4, 4) differ by `step_m` or 8 degrees."""
    turn = math.acos(min(1.0, max(-1.0, (float(np.trace(first[:3, :3].T @ second[:3, :3])) - 1) / 2)))
    return turn >= _TURN_RAD or float(np.linalg.norm(first[:3, 3] - second[:3, 3])) >= step_m


def _has_moved(first: InputView, second: InputView, step_m: float) -> bool:
    if first.world_from_camera is not None and second.world_from_camera is not None:
        return moved_by_pose(first.world_from_camera, second.world_from_camera, step_m)
    return _flow_ratio(_grey(first), _grey(second)) >= _FLOW_RATIO


def _grey(view: InputView) -> NDArray[np.uint8]:
    height, width = view.image.shape[:2]
    size = (_WIDTH_PX, max(16, round(height * _WIDTH_PX / width)))
    return np.asarray(cv2.resize(cv2.cvtColor(view.image, cv2.COLOR_RGB2GRAY), size, interpolation=cv2.INTER_AREA))


def _flow_ratio(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> float:
    """Median displacement of tracked corners over the image width; infinite where half of them are lost."""
    corners = cv2.goodFeaturesToTrack(first, _CORNERS, 0.01, 5)
    if corners is None:  # a blank image
        return math.inf if np.abs(first.astype(int) - second).mean() > 2 else 0.0
    moved, found, _ = cv2.calcOpticalFlowPyrLK(first, second, corners, None)
    good = found.ravel() == 1
    if good.mean() < 0.5:
        return math.inf
    return float(np.median(np.linalg.norm((moved - corners)[good], axis=-1)) / _WIDTH_PX)
