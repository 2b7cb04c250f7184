"""Depth of a stream with known poses: each frame aligned to the surfaces that the last keyframes saw.

A network estimates each frame by itself, so that its scale and its surfaces change from frame to frame. With known
poses the depth of a keyframe says what the depth of a new frame should be wherever both see one surface. A new frame is
multiplied by one factor, the median of that ratio, and then drawn towards the keyframes pixel by pixel. No frame waits
for a later one.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import ConfigurationError
from unity_depth_perception.models.runtime.upload import upload
from unity_depth_perception.ops.geometry import back_project
from unity_depth_perception.ops.validity import is_valid
from unity_depth_perception.reconstruction.depth_filter import reject_edges

Pose = NDArray[np.float64]

_MAP_PX = 160  # longest side at which frames are compared
_LEAST_SHARE = 0.05  # of a frame that a keyframe must see
_SETTLING = 30  # frames over which the map's own scale is averaged


@dataclass(frozen=True)
class TemporalConfig:
    """How strongly and how far back frames are aligned.

    Attributes:
        keyframes: number of keyframes that are kept.
        weight: share of the keyframes in the depth of a pixel that they see, 0..1; 0 aligns by one factor alone.
        gate: relative difference of depth beyond which two pixels are of different surfaces.
        step, turn_rad: motion from the last keyframe that makes a new one: of the median depth, and turning.
        jump: motion from the last frame, in median depths, that starts a new map.
    """

    keyframes: int = 4
    weight: float = 0.8
    gate: float = 0.08
    step: float = 0.05
    turn_rad: float = math.radians(5)
    jump: float = 1.0

    def __post_init__(self) -> None:
        if self.keyframes < 1 or not 0 <= self.weight < 1 or not 0 < self.gate < 1:
            raise ConfigurationError(
                "expected at least one keyframe, a weight of 0 to below 1 and a gate between 0 and 1, got "
                f"{self.keyframes}, {self.weight} and {self.gate}"
            )


@dataclass(frozen=True)
class _Map:
    """Depth of a frame at reduced size: every `stride`-th row and column."""

    depth_m: Tensor
    camera: Camera
    world_from_camera: Pose


class TemporalAligner:
    """Aligns the frames of one camera's stream, in their order, on the device of their depth."""

    def __init__(self, config: TemporalConfig = TemporalConfig()) -> None:
        self._config = config
        self.reset()

    def reset(self) -> None:
        """Forget the map; the next frame starts a new one."""
        self._keyframes: deque[_Map] = deque(maxlen=self._config.keyframes)
        self._last_pose: Pose | None = None
        self._frames = 0  # of this map

    @torch.inference_mode()
    def align(self, depth_m: Tensor, camera: Camera, world_from_camera: Pose | None) -> Tensor:
        """Depth (H, W) float32 [m] aligned to the map; unchanged without a pose, after a jump, and at a new place.

        Args:
            depth_m: (H, W) float32 planar depth [m].
            camera: its intrinsics.
            world_from_camera: (4, 4) pose in metres; None where it is unknown, which starts a new map.
        """
        if world_from_camera is None:
            self.reset()
            return depth_m
        stride = max(1, round(max(camera.width, camera.height) / _MAP_PX))
        frame = _Map(depth_m[::stride, ::stride], _strided(camera, stride), world_from_camera)
        valid = frame.depth_m[is_valid(frame.depth_m)]
        if not valid.numel():
            return depth_m
        median_m = float(valid.median())
        if self._last_pose is not None and _distance(self._last_pose, world_from_camera) > self._config.jump * median_m:
            self.reset()
        self._last_pose = world_from_camera
        correction = self._correction(frame)
        if self._is_keyframe(world_from_camera, median_m):
            self._keyframes.append(replace(frame, depth_m=reject_edges(frame.depth_m * correction.exp())))
        return depth_m * _enlarged(correction, stride, depth_m.shape).exp()

    def _correction(self, frame: _Map) -> Tensor:
        """Log factors (h, w) that align a frame to the keyframes; 0 where none of them sees it."""
        ratios = [ratio for key in self._keyframes if (ratio := _log_ratio(frame, key)) is not None]
        if not ratios:
            self._keyframes.clear()
            self._frames = 0
            return torch.zeros_like(frame.depth_m)
        log_factor = float(torch.cat([ratio[~ratio.isnan()] for ratio in ratios]).median())
        log_factor += self._rescale_map(-log_factor)
        scaled = replace(frame, depth_m=frame.depth_m * math.exp(log_factor))
        total, count = torch.zeros_like(frame.depth_m), torch.zeros_like(frame.depth_m)
        for key in self._keyframes:
            ratio = _log_ratio(scaled, key)
            if ratio is not None:
                agrees = ratio.abs() < self._config.gate
                total += torch.where(agrees, ratio, 0.0)
                count += agrees
        return log_factor + self._config.weight * total / count.clamp(min=1)

    def _rescale_map(self, log_own: float) -> float:
        """Move the map's scale by its share towards a frame's own, `log_own` relative to the map; returns the move.

        So the map has the mean of the scales of its frames, not that of the first one.
        """
        self._frames += 1
        step = log_own / min(self._frames + 1, _SETTLING)
        for index, key in enumerate(self._keyframes):
            self._keyframes[index] = replace(key, depth_m=key.depth_m * math.exp(step))
        return step

    def _is_keyframe(self, pose: Pose, median_m: float) -> bool:
        if not self._keyframes:
            return True
        last = self._keyframes[-1].world_from_camera
        cosine = (float(np.trace(last[:3, :3].T @ pose[:3, :3])) - 1) / 2
        has_turned = math.acos(min(1.0, max(-1.0, cosine))) > self._config.turn_rad
        return has_turned or _distance(last, pose) > self._config.step * median_m


def _distance(first: Pose, second: Pose) -> float:
    return float(np.linalg.norm(first[:3, 3] - second[:3, 3]))


def _strided(camera: Camera, stride: int) -> Camera:
    """The camera of every `stride`-th row and column, which keep their rays."""
    width, height = -(-camera.width // stride), -(-camera.height // stride)
    return Camera(width, height, camera.fx / stride, camera.fy / stride, camera.cx / stride, camera.cy / stride)


def _enlarged(values: Tensor, stride: int, shape: torch.Size) -> Tensor:
    """Values (h, w) at every `stride`-th pixel, interpolated to all pixels (H, W)."""
    if stride == 1:
        return values
    y, x = (torch.arange(size, device=values.device) * (2 / stride / max(small - 1, 1)) - 1
            for size, small in zip(shape, values.shape, strict=True))  # fmt: skip
    grid = torch.stack([x.expand(*shape), y[:, None].expand(*shape)], dim=-1)
    return functional.grid_sample(values[None, None], grid[None], padding_mode="border", align_corners=True)[0, 0]


def _log_ratio(frame: _Map, key: _Map) -> Tensor | None:
    """Log ratio (h, w) of a keyframe's depth to a frame's, where the keyframe sees its points; NaN elsewhere.

    None where the keyframe sees too little of the frame.
    """
    key_from_frame = upload(np.linalg.inv(key.world_from_camera) @ frame.world_from_camera, frame.depth_m)
    points = back_project(frame.depth_m, frame.camera) @ key_from_frame[:3, :3].T + key_from_frame[:3, 3]
    x, y, z = points.unbind(-1)
    camera = key.camera
    u, v = camera.fx * x / z + camera.cx, camera.fy * y / z + camera.cy
    grid = torch.stack([2 * u / max(camera.width - 1, 1) - 1, 2 * v / max(camera.height - 1, 1) - 1], dim=-1)
    is_seen = (z > 0) & (grid.abs() <= 1).all(dim=-1)
    inverse = torch.where(is_valid(key.depth_m), 1 / key.depth_m, math.nan)
    grid = torch.where(is_seen[..., None], grid, 2.0)
    sampled = functional.grid_sample(inverse[None, None], grid[None], align_corners=True)[0, 0]
    ratio = torch.where(is_seen, -(sampled * z).log(), math.nan)
    return ratio if int((~ratio.isnan()).sum()) >= _LEAST_SHARE * ratio.numel() else None
