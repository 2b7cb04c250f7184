"""Sensor model: from linear light to the 8-bit image of a camera."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import torch
from torch import Tensor
from torch.nn import functional

from unity_depth_perception.synthetic.scene import Scene


def apply_sensor(color: Tensor, scenes: Sequence[Scene]) -> Tensor:
    """Images (B, H, W, 3) uint8 of linear colour (B, 3, H, W): blur, vignetting, exposure, gamma, noise, JPEG."""
    height, width = color.shape[2:]
    y = torch.linspace(-1, 1, height, device=color.device)[:, None]
    x = torch.linspace(-1, 1, width, device=color.device)[None, :]
    radius = (x * x + y * y) / 2
    frames = []
    for frame, scene in zip(color, scenes, strict=True):
        sensor = scene.sensor
        frame = _blur(frame, sensor.blur_ratio * height) * (sensor.exposure * (1 - sensor.vignette * radius))
        rng = torch.Generator().manual_seed((scene.seed + scene.image_number) % (1 << 62))
        noise = torch.randn(frame.shape, generator=rng).to(frame.device) * sensor.noise
        frame = ((frame.clamp(0, 1) ** (1 / 2.2) + noise).clamp(0, 1) * 255).round().to(torch.uint8)
        frames.append(frame if sensor.jpeg_quality is None else _compressed(frame, sensor.jpeg_quality))
    return torch.stack(frames).permute(0, 2, 3, 1).contiguous()


def _compressed(frame: Tensor, quality: int) -> Tensor:
    """A (3, H, W) uint8 image after JPEG compression, as a camera with compressed transport sends it."""
    bgr = frame.flip(0).permute(1, 2, 0).cpu().numpy()
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return torch.from_numpy(cv2.imdecode(data, cv2.IMREAD_COLOR)).permute(2, 0, 1).flip(0).to(frame.device)


def _blur(frame: Tensor, sigma_px: float) -> Tensor:
    """Separable Gaussian blur of a (3, H, W) image."""
    if sigma_px < 0.2:
        return frame
    reach = max(1, round(2.5 * sigma_px))
    taps = torch.exp(-0.5 * (torch.arange(-reach, reach + 1, device=frame.device) / sigma_px) ** 2)
    kernel = (taps / taps.sum()).expand(3, 1, 1, -1)
    padded = functional.pad(frame[None], (reach, reach, reach, reach), mode="replicate")
    rows = functional.conv2d(padded, kernel, groups=3)
    return functional.conv2d(rows, kernel.transpose(2, 3), groups=3)[0]
