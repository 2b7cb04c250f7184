"""Analytic ray-box intersection (slab test) for a batch of scenes at once, on CPU and GPU.

Each box is tested only against the rays whose pixel lies in its bounding rectangle (for shadows: the rectangle of the
volume that it darkens), so that the work grows with what the boxes cover and not with rays x boxes.
Slab test: Kay & Kajiya, "Ray Tracing Complex Scenes", SIGGRAPH 1986.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from unity_depth_perception.synthetic.scene import Scene

_NEAR_M = 0.01


@dataclass(frozen=True)
class Geometry:
    """The boxes, rooms and cameras of B scenes, padded to M boxes, on a device; float32, metres.

    Attributes:
        center, half: (B, M, 3) box centres and half edges; padding boxes have an empty rectangle.
        box_from_world: (B, M, 3, 3) rotations.
        room: (B, 2, 3) corners of the rooms.
        eye: (B, 3) camera positions.
        world_from_camera: (B, 3, 3) rotations of the optical frames.
        intrinsics: (B, 4) fx, fy, cx, cy [px].
        to_sun: (B, 3) unit vectors.
        seen, shaded: (B, M, 4) pixel rectangles x_min, y_min, x_max, y_max that a box covers, and may darken.
    """

    center: Tensor
    half: Tensor
    box_from_world: Tensor
    room: Tensor
    eye: Tensor
    world_from_camera: Tensor
    intrinsics: Tensor
    to_sun: Tensor
    seen: Tensor
    shaded: Tensor


@dataclass(frozen=True)
class Hits:
    """Where N rays end.

    Attributes:
        depth_m: (N,) planar depth.
        point: (N, 3) world coordinates.
        normal: (N, 3) unit surface normals towards the camera.
        box: (N,) int64 index of the box, -1 for the room.
    """

    depth_m: Tensor
    point: Tensor
    normal: Tensor
    box: Tensor


def pack_geometry(scenes: Sequence[Scene], device: torch.device) -> Geometry:
    """Put the scenes' geometry on a device."""
    count, most = len(scenes), max(len(scene.boxes) for scene in scenes)
    center, half = np.zeros((count, most, 3)), np.ones((count, most, 3))
    box_from_world = np.tile(np.eye(3), (count, most, 1, 1))
    seen, shaded = np.full((2, count, most, 4), -10.0)
    for b, scene in enumerate(scenes):
        for m, box in enumerate(scene.boxes):
            center[b, m], half[b, m], box_from_world[b, m] = box.center_m, box.size_m / 2, box.world_from_box.T
            corners = box.center_m + (_CORNERS * box.size_m / 2) @ box.world_from_box.T
            sun = scene.lighting.to_sun
            fallen = corners - corners[:, 2:] / sun[2] * sun
            seen[b, m] = _rectangle(scene, corners)
            shaded[b, m] = _rectangle(scene, np.concatenate([corners, fallen]))

    def tensor(array: np.ndarray) -> Tensor:
        return torch.as_tensor(array, dtype=torch.float32, device=device)

    return Geometry(
        center=tensor(center),
        half=tensor(half),
        box_from_world=tensor(box_from_world),
        room=tensor(np.stack([scene.room for scene in scenes])),
        eye=tensor(np.stack([scene.world_from_camera[:3, 3] for scene in scenes])),
        world_from_camera=tensor(np.stack([scene.world_from_camera[:3, :3] for scene in scenes])),
        intrinsics=tensor(np.array([[s.camera.fx, s.camera.fy, s.camera.cx, s.camera.cy] for s in scenes])),
        to_sun=tensor(np.stack([scene.lighting.to_sun for scene in scenes])),
        seen=tensor(seen),
        shaded=tensor(shaded),
    )


def cast(geometry: Geometry, b: Tensor, u: Tensor, v: Tensor) -> Hits:
    """Follow the rays through pixels (u, v) of scenes b, all (N,), to the first surface."""
    fx, fy, cx, cy = geometry.intrinsics[b].unbind(1)
    optical = torch.stack([(u - cx) / fx, (v - cy) / fy, torch.ones_like(u)], dim=1)  # depth along it is planar
    direction = _rotate(geometry.world_from_camera[b], optical)
    eye = geometry.eye[b]
    depth, normal = _room_exit(geometry.room[b], eye, direction)
    box = torch.full_like(b, -1)

    ray, m = _inside(geometry.seen, b, u, v)
    near, far, axis, local = _slabs(geometry, b[ray], m, eye[ray], direction[ray])
    hit = ((near < far) & (near > _NEAR_M)).nonzero().squeeze(1)
    ray, m, near, axis, local = ray[hit], m[hit], near[hit], axis[hit], local[hit]
    depth = depth.scatter_reduce(0, ray, near, "amin")
    first = (near <= depth[ray]).nonzero().squeeze(1)
    ray, m, axis, local = ray[first], m[first], axis[first], local[first]
    box[ray] = m
    sign = -local.gather(1, axis[:, None]).sign()
    normal[ray] = geometry.box_from_world[b[ray], m].gather(1, axis[:, None, None].expand(-1, 1, 3)).squeeze(1) * sign
    return Hits(depth, eye + depth[:, None] * direction, normal, box)


def in_sun(geometry: Geometry, b: Tensor, u: Tensor, v: Tensor, hits: Hits) -> Tensor:
    """(N,) bool: whether nothing stands between a hit, seen at pixel (u, v) of scene b, and the sun."""
    ray, m = _inside(geometry.shaded, b, u, v)
    start = hits.point[ray] + 1e-4 * hits.normal[ray]
    near, far, _, _ = _slabs(geometry, b[ray], m, start, geometry.to_sun[b[ray]])
    lit = torch.ones_like(b, dtype=torch.bool)
    lit[ray[(near < far) & (far > 1e-4)]] = False
    return lit


_CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=np.float64)


def _rectangle(scene: Scene, points: np.ndarray) -> np.ndarray:
    """Pixel bounds of world points (N, 3); everything where a point is not in front of the camera."""
    pose = scene.world_from_camera
    pixels = scene.camera.project((points - pose[:3, 3]) @ pose[:3, :3])
    if not np.isfinite(pixels).all():
        return np.array([-1e9, -1e9, 1e9, 1e9])
    return np.concatenate([pixels.min(axis=0) - 1, pixels.max(axis=0) + 1])


def _inside(rectangles: Tensor, b: Tensor, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Indices (ray, box) of all pairs whose ray passes through the box's rectangle."""
    pairs = []
    for m in range(rectangles.shape[1]):
        x_min, y_min, x_max, y_max = rectangles[:, m][b].unbind(1)
        ray = ((u >= x_min) & (u <= x_max) & (v >= y_min) & (v <= y_max)).nonzero().squeeze(1)
        pairs.append((ray, torch.full_like(ray, m)))
    return torch.cat([ray for ray, _ in pairs]), torch.cat([m for _, m in pairs])


def _slabs(
    geometry: Geometry, b: Tensor, m: Tensor, origin: Tensor, direction: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Entry and exit parameter (P,), entry axis (P,) and direction (P, 3) in the box's frame for P ray-box pairs."""
    rotation = geometry.box_from_world[b, m]
    local = _rotate(rotation, direction)
    offset = _rotate(rotation, origin - geometry.center[b, m])
    inverse = 1 / torch.where(local.abs() < 1e-12, torch.full_like(local, 1e-12), local)
    reach = geometry.half[b, m] * inverse.abs()
    middle = -offset * inverse
    near, axis = (middle - reach).max(dim=1)
    far = (middle + reach).amin(dim=1)
    return near, far, axis, local


def _room_exit(room: Tensor, eye: Tensor, direction: Tensor) -> tuple[Tensor, Tensor]:
    """Where rays from inside leave the room: parameter (N,) and inward normal (N, 3)."""
    wall = torch.where(direction > 0, room[:, 1], room[:, 0])
    safe = torch.where(direction.abs() < 1e-12, torch.full_like(direction, 1e-12), direction)
    exit_at, axis = ((wall - eye) / safe).abs().min(dim=1)
    normal = torch.zeros_like(direction).scatter_(1, axis[:, None], 1.0) * -direction.sign()
    return exit_at, normal


def _rotate(rotation: Tensor, vector: Tensor) -> Tensor:
    """(N, 3, 3) times (N, 3)."""
    return (rotation * vector[:, None, :]).sum(dim=2)
