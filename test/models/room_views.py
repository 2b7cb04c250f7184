"""Views of a virtual room from a camera that moves around its objects, and distances to the true surfaces."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray

from unity_depth_perception.reconstruction.view import DepthView
from unity_depth_perception.synthetic.random_scene import random_scene
from unity_depth_perception.synthetic.raycast import cast_rays, pack_geometry
from unity_depth_perception.synthetic.scene import Scene

Points = NDArray[np.float64]
CPU = torch.device("cpu")


def room_scenes(count: int, seed: int = 1, width: int = 160, height: int = 120, turn: float = 1.0) -> list[Scene]:
    """One room with boxes, seen from `count` places on `turn` circles around them."""
    scene = replace(random_scene(seed, width, height, math.radians(60)), clutter=())
    middle = np.mean([box.center_m for box in scene.boxes], axis=0)
    radius = float(np.linalg.norm(scene.world_from_camera[:2, 3] - middle[:2]))
    height_m = scene.world_from_camera[2, 3]
    room = scene.room.copy()
    room[0, :2] = np.minimum(room[0, :2], middle[:2] - radius - 0.2)
    room[1, :2] = np.maximum(room[1, :2], middle[:2] + radius + 0.2)
    scenes = []
    for k in range(count):
        angle = 2 * math.pi * turn * k / count
        eye = middle + [radius * math.cos(angle), radius * math.sin(angle), 0]
        eye[2] = height_m * (1 + 0.15 * math.sin(3 * angle))
        at = middle + [0.1 * math.sin(2 * angle), 0.1 * math.cos(2 * angle), 0]
        scenes.append(replace(scene, room=room, world_from_camera=look_at(eye, at)))
    return scenes


def look_at(eye: Points, at: Points) -> Points:
    """Pose of a camera at `eye` that looks at `at`, in a world with z up."""
    forward = (at - eye) / np.linalg.norm(at - eye)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3] = np.stack([right, np.cross(forward, right), forward, eye], axis=1)
    return pose


def exact_view(scene: Scene, name: str = "") -> DepthView:
    """The view of a scene: depth at the pixel centres, and its surfaces' normals as colours."""
    camera = scene.camera
    geometry = pack_geometry([scene], CPU)
    v, u = torch.meshgrid(torch.arange(camera.height), torch.arange(camera.width), indexing="ij")
    hits = cast_rays(geometry, torch.zeros(u.numel(), dtype=torch.int64), u.flatten().float(), v.flatten().float())
    image = ((hits.normal.T + 1) * 127).to(torch.uint8).view(camera.height, camera.width, 3)
    depth = hits.depth_m.view(camera.height, camera.width)
    return DepthView(image, depth, camera, scene.world_from_camera, name=name)


def distance_to_surfaces(scene: Scene, points: Points) -> Points:
    """Distance (N,) [m] of world points (N, 3) to the nearest surface of the room or of its boxes."""
    low, high = scene.room
    nearest = np.minimum(abs(points - low).min(axis=1), abs(high - points).min(axis=1))
    for box in scene.boxes:
        beyond = abs((points - box.center_m) @ box.world_from_box) - box.size_m / 2
        outside = np.linalg.norm(np.maximum(beyond, 0), axis=1)
        nearest = np.minimum(nearest, abs(outside + np.minimum(beyond.max(axis=1), 0)))
    return nearest


def points_seen_twice(views: list[DepthView], stride: int = 4) -> torch.Tensor:
    """World points (N, 3) of the views' pixels that at least two views see."""
    points = torch.cat([view.points(stride).reshape(-1, 3) for view in views])
    seen = sum(_is_seen(points, view).int() for view in views)
    return points[seen >= 2]


def _is_seen(points: torch.Tensor, view: DepthView) -> torch.Tensor:
    pose = points.new_tensor(view.world_from_camera)
    local = (points - pose[:3, 3]) @ pose[:3, :3]
    pixels = torch.from_numpy(view.camera.project(local.numpy()))
    u, v = pixels.nan_to_num(-1).round().to(torch.int64).unbind(-1)
    inside = (u >= 0) & (u < view.camera.width) & (v >= 0) & (v < view.camera.height)
    depth = torch.zeros(len(points))
    depth[inside] = view.depth_m[v[inside], u[inside]]
    return inside & ((depth - local[:, 2]).abs() < 0.01 * local[:, 2])


def moved_depth_error(source: DepthView, true_source: DepthView, target: DepthView, true_target: DepthView) -> float:
    """AbsRel of the source's depth, moved by the poses, to the target's at the nearest pixel: half of the TAE.

    Only points count whose true depth agrees with the true depth there within 1 %: the target sees them.
    """
    moved, true = _nearest(source, target), _nearest(true_source, true_target)
    known = (true[0] / true[1] - 1).abs() < 0.01
    return float((moved[0] / moved[1] - 1).abs()[known & moved[1].isfinite()].mean())


def _nearest(source: DepthView, target: DepthView) -> tuple[torch.Tensor, torch.Tensor]:
    """Depth (N,) of the source's points in the target's camera, and of the target at the pixels where they are."""
    pose = source.depth_m.new_tensor(target.world_from_camera)
    x, y, z = ((source.points().reshape(-1, 3) - pose[:3, 3]) @ pose[:3, :3]).unbind(-1)
    camera = target.camera
    u, v = (camera.fx * x / z + camera.cx).round(), (camera.fy * y / z + camera.cy).round()
    inside = (z > 0) & (u >= 0) & (u < camera.width) & (v >= 0) & (v < camera.height)
    pixel = torch.where(inside, v * camera.width + u, 0).to(torch.int64)
    return z, torch.where(inside, target.depth_m.reshape(-1)[pixel], math.nan)


def nearest_distance(points: torch.Tensor, others: torch.Tensor) -> torch.Tensor:
    """Distance (N,) of each point (N, 3) to the nearest of `others`."""
    return torch.cat([torch.cdist(part, others).amin(dim=1) for part in points.split(64)])


def thickness(points: Points, axis: int, cell_m: float) -> Points:
    """Spread [m] of points of a plane across its normal (an axis of the world), in each cell with several points."""
    along = np.delete(points, axis, axis=1)
    _, cell = np.unique(np.floor(along / cell_m).astype(np.int64), axis=0, return_inverse=True)
    count = np.bincount(cell)
    mean = np.bincount(cell, points[:, axis]) / count
    square = np.bincount(cell, points[:, axis] ** 2) / count
    return np.sqrt(np.maximum(square - mean**2, 0))[count > 3]
