"""Guided filter: smooths values so that they change where an image does. He, Sun & Tang, ECCV 2010 and PAMI 2013."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def guided_filter(image: Tensor, values: Tensor, radius: int, epsilon: float, reduction: int = 1) -> Tensor:
    """Values (N, H, W) as a locally linear function of the colours of images (N, 3, H, W).

    In each window of 2 radius + 1 pixels the values are regressed on the colours; a pixel gets the mean of what the
    windows around it predict.

    Args:
        radius: of the windows, in reduced pixels.
        epsilon: regularisation, in units of squared colour: contrasts below its root are no edges.
        reduction: the regression sees images and values reduced by this factor, and its coefficients are enlarged
            (He & Sun, "Fast Guided Filter", arXiv:1505.00996).
    """
    size = image.shape[2:]
    planes = torch.cat([image, values[:, None]], dim=1)
    if reduction > 1:
        planes = functional.avg_pool2d(planes, reduction, ceil_mode=True)
    coefficients = _coefficients(planes[:, :3], planes[:, 3:], radius, epsilon)
    if reduction > 1:
        coefficients = functional.interpolate(coefficients, size=size, mode="bilinear", align_corners=False)
    return (coefficients[:, :3] * image).sum(dim=1) + coefficients[:, 3]


def _coefficients(colours: Tensor, values: Tensor, radius: int, epsilon: float) -> Tensor:
    """Slopes of red, green and blue, and offset (N, 4, H, W), each the mean over the windows around a pixel."""
    count = _window_sums(torch.ones_like(values[:1]), radius)
    red, green, blue = colours.unbind(dim=1)
    products = torch.stack([red * red, red * green, red * blue, green * green, green * blue, blue * blue], dim=1)
    means = _window_sums(torch.cat([colours, values, colours * values, products], dim=1), radius) / count
    colour, value = means[:, :3], means[:, 3]
    x, y, z = (means[:, 4:7] - colour * value[:, None]).unbind(dim=1)  # covariances of the values with the colours
    r, g, b = colour.unbind(dim=1)
    own = torch.stack([r * r, r * g, r * b, g * g, g * b, b * b], dim=1)
    rr, rg, rb, gg, gb, bb = (means[:, 7:] - own).unbind(dim=1)
    rr, gg, bb = rr + epsilon, gg + epsilon, bb + epsilon
    # The inverse of the symmetric 3 x 3 covariance by its adjugate.
    i, j, k = gg * bb - gb * gb, rb * gb - rg * bb, rg * gb - rb * gg
    m, n, p = rr * bb - rb * rb, rg * rb - rr * gb, rr * gg - rg * rg
    slopes = torch.stack([i * x + j * y + k * z, j * x + m * y + n * z, k * x + n * y + p * z], dim=1)
    slopes = slopes / (rr * i + rg * j + rb * k)[:, None]
    offset = value - (slopes * colour).sum(dim=1)
    return _window_sums(torch.cat([slopes, offset[:, None]], dim=1), radius) / count


def _window_sums(planes: Tensor, radius: int) -> Tensor:
    """Sums over the windows of 2 radius + 1 pixels around each pixel of planes (N, C, H, W), cut off at the border."""
    for dim in (2, 3):
        size = planes.shape[dim]
        total = functional.pad(planes.cumsum(dim=dim), (1, 0) if dim == 3 else (0, 0, 1, 0))
        place = torch.arange(size, device=planes.device)
        upper, lower = (place + radius + 1).clamp(max=size), (place - radius).clamp(min=0)
        planes = total.index_select(dim, upper) - total.index_select(dim, lower)
    return planes
