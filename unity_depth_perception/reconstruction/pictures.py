"""Pictures of a reconstructed scene: from above, and from a raised viewpoint beside it; cameras as a path."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.files.atomic_file import write_file
from unity_depth_perception.export.scene import Scene
from unity_depth_perception.export.text import draw_text, text_px

_BACKGROUND = (28, 30, 34)
_PATH = (255, 140, 0)
_MOST_RADIUS_PX = 3
_QUANTILE = 0.01  # of the points that may lie outside of the picture
_PITCH_RAD = np.radians(35.0)

Picture = NDArray[np.uint8]
Matrix = NDArray[np.float64]


def write_scene_picture(path: Path, scene: Scene, height_px: int = 720) -> None:
    """Write a .png: on the left the scene from above, on the right from a raised viewpoint, with its cameras' path."""
    pictures = [scene_picture(scene, pitch, height_px) for pitch in (np.pi / 2, _PITCH_RAD)]
    good, data = cv2.imencode(".png", np.hstack(pictures)[..., ::-1])
    assert good  # for mypy: encoding of an array in memory does not fail
    write_file(path, data.tobytes(), durable=False)


def scene_picture(scene: Scene, pitch_rad: float, side_px: int) -> Picture:
    """Picture (side_px, side_px, 3) uint8 RGB of the cloud, in parallel projection, with the path of its cameras.

    Points whose normals point away from the viewer are left out, so that walls and a ceiling do not hide a room.

    Args:
        pitch_rad: by which the viewer looks down; pi / 2 is from above.
    """
    picture = np.full((side_px, side_px, 3), _BACKGROUND, dtype=np.uint8)
    axes = _viewer_axes(scene, pitch_rad)
    points = scene.points_m.astype(np.float64)
    facing = np.ones(len(points), bool) if scene.normals is None else scene.normals @ axes[2] < -0.1
    if not facing.any():
        return picture
    local, colours = points[facing] @ axes.T, scene.colours[facing]
    eyes = np.array([view.world_from_camera[:3, 3] for view in scene.views]) @ axes.T
    low = np.minimum(np.quantile(local[:, :2], _QUANTILE, axis=0), eyes[:, :2].min(axis=0))
    high = np.maximum(np.quantile(local[:, :2], 1 - _QUANTILE, axis=0), eyes[:, :2].max(axis=0))
    scale = 0.92 * side_px / max(float((high - low).max()), 1e-9)
    offset = side_px / 2 - scale * (low + high) / 2
    pixels = np.round(local[:, :2] * scale + offset).astype(np.int64)
    radius = _radius(pixels, side_px)
    order = np.argsort(-local[:, 2], kind="stable")  # far to near: the nearest is drawn last
    for dx in range(-radius, radius + 1):
        for dy in range(-radius, radius + 1):
            u, v = (pixels[order] + (dx, dy)).T
            inside = (u >= 0) & (u < side_px) & (v >= 0) & (v < side_px)
            picture[v[inside], u[inside]] = colours[order][inside]
    _draw_path(picture, eyes[:, :2] * scale + offset)
    _draw_scale(picture, scale, scene.unit)
    return picture


def _viewer_axes(scene: Scene, pitch_rad: float) -> Matrix:
    """Rows right, down and forward of a viewer that looks towards where the first camera looks, in the world."""
    up = np.array([0.0, 0.0, 1.0])
    if scene.world not in ("z_up", "unity"):
        up = -np.mean([view.world_from_camera[:3, 1] for view in scene.views], axis=0)  # the images' own
        up /= np.linalg.norm(up)
    ahead = scene.views[0].world_from_camera[:3, 2]
    ahead = ahead - (ahead @ up) * up
    if np.linalg.norm(ahead) < 1e-3:  # it looks straight down: its image's top is ahead
        ahead = -scene.views[0].world_from_camera[:3, 1]
        ahead = ahead - (ahead @ up) * up
    ahead /= np.linalg.norm(ahead)
    forward = np.cos(pitch_rad) * ahead - np.sin(pitch_rad) * up
    right = np.cross(ahead, up)
    return np.stack([right, np.cross(forward, right), forward])


def _radius(pixels: NDArray[np.int64], side_px: int) -> int:
    """Radius [px] of points that closes most gaps between them: from the pixels that they cover, and their bounds."""
    inside = pixels[((pixels >= 0) & (pixels < side_px)).all(axis=1)]
    coarse = np.unique(inside // 16, axis=0)
    covered = np.unique(inside, axis=0)
    share = len(covered) / max(1, 256 * len(coarse))
    return int(np.clip(np.ceil(0.5 / np.sqrt(max(share, 1e-6)) - 0.5), 0, _MOST_RADIUS_PX))


def _draw_path(picture: Picture, eyes: Matrix) -> None:
    corners = np.round(eyes).astype(np.int32)
    cv2.polylines(picture, [corners[:, None]], isClosed=False, color=_PATH, thickness=2, lineType=cv2.LINE_AA)
    for x, y in corners:
        cv2.circle(picture, (int(x), int(y)), 4, _PATH, -1, cv2.LINE_AA)


def _draw_scale(picture: Picture, px_per_unit: float, unit: str) -> None:
    """Draw a bar of a round length at the lower left."""
    length = 10.0 ** np.floor(np.log10(picture.shape[1] / 4 / px_per_unit))
    length *= max(factor for factor in (1, 2, 5) if factor * length * px_per_unit <= picture.shape[1] / 3)
    height, px = picture.shape[0], text_px(picture.shape)
    end = 16 + round(length * px_per_unit)
    cv2.line(picture, (16, height - 16), (end, height - 16), (240, 240, 244), 2, cv2.LINE_AA)
    label = f"{length:g} m" if unit == "m" else f"{length:g} (no unit)"
    draw_text(picture, [(label, 16, height - 22 - round(1.25 * px))], px)
