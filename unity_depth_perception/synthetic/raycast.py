"""Analytic ray-box intersection (slab test) for a batch of scenes at once, on CPU and GPU.

Each box is tested only against the rays whose pixel lies in its bounding rectangle (for shadows: the rectangle of the
volume that it shadows), so that the work grows with the area that the boxes cover and not with rays x boxes. Curved
shapes fill their boxes (see `curved_shapes`).
Slab test: Kay & Kajiya, "Ray Tracing Complex Scenes", SIGGRAPH 1986.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unity_depth_perception.synthetic import curved_shapes
from unity_depth_perception.synthetic.scene import Scene

_NEAR_M = 0.01
_CURVED = 3  # stands for a curved surface where 0..2 is the axis of a face


@dataclass(frozen=True)
class Geometry:
    """The boxes, rooms and cameras of B scenes, padded to M boxes, on a device; float32, metres.

    The first dimension holds vector components and the last one scenes: gathering for N rays then gives rows of N
    contiguous numbers, which is ten times as fast on a CPU as N rows of three.

    Attributes:
        center, half: (3, B * M) box centres and half edges; padding boxes have an empty rectangle.
        box_from_world: (9, B * M) rotations, row by row.
        form: (B * M,) int64 of `Form`.
        room: (6, B) lower and upper corner of the rooms.
        far: (B,) depth of the far clip plane of scenes under a sky, 0 of closed rooms.
        eye: (3, B) camera positions.
        world_from_camera: (9, B) rotations of the optical frames, row by row.
        intrinsics: (4, B) fx, fy, cx, cy [px].
        to_sun: (3, B) unit vectors.
        seen, shaded: (M, 4, B) pixel rectangles x_min, y_min, x_max, y_max that a box covers, and that it may shadow.
    """

    center: Tensor
    half: Tensor
    box_from_world: Tensor
    form: Tensor
    room: Tensor
    far: Tensor
    eye: Tensor
    world_from_camera: Tensor
    intrinsics: Tensor
    to_sun: Tensor
    seen: Tensor
    shaded: Tensor

    @property
    def most(self) -> int:
        """M, the number of boxes that each scene is padded to."""
        return self.seen.shape[0]


@dataclass(frozen=True)
class Hits:
    """First surfaces that N rays hit.

    Attributes:
        depth_m: (N,) planar depth; +Inf for sky.
        point: (3, N) world coordinates; of sky, the point of the ray at a depth of 1 m.
        normal: (3, N) unit surface normals towards the camera; up for sky.
        box: (N,) int64 index of the box, -1 for room, ground and sky.
    """

    depth_m: Tensor
    point: Tensor
    normal: Tensor
    box: Tensor


def pack_geometry(scenes: Sequence[Scene], device: torch.device) -> Geometry:
    """Pack the geometry of scenes into tensors on a device."""
    count, most = len(scenes), max(len(scene.solids) for scene in scenes)
    center, half = np.zeros((count, most, 3)), np.ones((count, most, 3))
    box_from_world = np.tile(np.eye(3), (count, most, 1, 1))
    form = np.zeros((count, most), dtype=np.int64)
    seen, shaded = np.full((2, count, most, 4), -10.0)
    for b, scene in enumerate(scenes):
        for m, box in enumerate(scene.solids):
            center[b, m], half[b, m], box_from_world[b, m] = box.center_m, box.size_m / 2, box.world_from_box.T
            form[b, m] = box.form
            corners = box.center_m + (_CORNERS * box.size_m / 2) @ box.world_from_box.T
            sun = scene.lighting.to_sun
            fallen = corners - (corners[:, 2:] - scene.room[0, 2]) / sun[2] * sun
            seen[b, m] = _rectangle(scene, corners)
            shaded[b, m] = _rectangle(scene, np.concatenate([corners, fallen]))
    poses = np.stack([scene.world_from_camera for scene in scenes])

    def tensor(array: NDArray[np.float64]) -> Tensor:
        return torch.as_tensor(np.ascontiguousarray(array), dtype=torch.float32, device=device)

    return Geometry(
        center=tensor(center.reshape(-1, 3).T),
        half=tensor(half.reshape(-1, 3).T),
        box_from_world=tensor(box_from_world.reshape(-1, 9).T),
        form=torch.as_tensor(form.ravel(), device=device),
        room=tensor(np.stack([scene.room for scene in scenes]).reshape(-1, 6).T),
        far=tensor(np.array([scene.sky.far_m if scene.sky else 0.0 for scene in scenes])),
        eye=tensor(poses[:, :3, 3].T),
        world_from_camera=tensor(poses[:, :3, :3].reshape(-1, 9).T),
        intrinsics=tensor(np.array([[s.camera.fx, s.camera.fy, s.camera.cx, s.camera.cy] for s in scenes]).T),
        to_sun=tensor(np.stack([scene.lighting.to_sun for scene in scenes]).T),
        seen=tensor(seen.transpose(1, 2, 0)),
        shaded=tensor(shaded.transpose(1, 2, 0)),
    )


def take(table: Tensor, b: Tensor) -> Tensor:
    """Gather columns (K, N) of a table (K, B), for the scene (or box) index b (N,) of each ray."""
    return table.index_select(1, b)


def cast_rays(geometry: Geometry, b: Tensor, u: Tensor, v: Tensor) -> Hits:
    """Follow the rays through pixels (u, v) of scenes b, all (N,), to the first surface."""
    fx, fy, cx, cy = take(geometry.intrinsics, b)
    optical = torch.stack([(u - cx) / fx, (v - cy) / fy, torch.ones_like(u)])  # depth along it is planar
    direction = rotate(take(geometry.world_from_camera, b), optical)
    eye = take(geometry.eye, b)
    depth, normal = _background(geometry, b, eye, direction)
    box = torch.full_like(b, -1)

    ray, m = _inside(geometry.seen, b, u, v)
    slot = b[ray] * geometry.most + m
    near, far, axis, local, offset = _spans(geometry, slot, take(eye, ray), take(direction, ray))
    hit = ((near < far) & (near > _NEAR_M)).nonzero().squeeze(1)
    depth = depth.scatter_reduce(0, ray[hit], near[hit], "amin")
    first = hit[near[hit] <= depth[ray[hit]]]
    ray = ray[first]
    box[ray] = m[first]
    slot, axis, local = slot[first], axis[first], take(local, first)
    point = take(offset, first) + near[first] * local
    outward = torch.where(
        axis == _CURVED,
        curved_shapes.outward_normals(point, take(geometry.half, slot), geometry.form[slot]),
        -local.sign() * (torch.arange(3, device=axis.device)[:, None] == axis),
    )
    normal[:, ray] = (take(geometry.box_from_world, slot).view(3, 3, -1) * outward[:, None]).sum(dim=0)
    return Hits(depth, eye + torch.where(depth.isinf(), 1.0, depth) * direction, normal, box)


def in_sun(geometry: Geometry, b: Tensor, u: Tensor, v: Tensor, hits: Hits) -> Tensor:
    """Whether each hit (N,), seen at pixel (u, v) of scene b, is lit by the sun: bool (N,)."""
    ray, m = _inside(geometry.shaded, b, u, v)
    start = take(hits.point, ray) + 1e-4 * take(hits.normal, ray)
    near, far, *_ = _spans(geometry, b[ray] * geometry.most + m, start, take(geometry.to_sun, b[ray]))
    lit = torch.ones_like(b, dtype=torch.bool)
    lit[ray[(near < far) & (far > 1e-4)]] = False
    return lit


_CORNERS = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)], dtype=np.float64)


def _rectangle(scene: Scene, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Pixel bounds of world points (N, 3); unbounded if a point is not in front of the camera."""
    pose = scene.world_from_camera
    pixels = scene.camera.project((points - pose[:3, 3]) @ pose[:3, :3])
    if not np.isfinite(pixels).all():
        return np.array([-1e9, -1e9, 1e9, 1e9])
    return np.concatenate([pixels.min(axis=0) - 1, pixels.max(axis=0) + 1])


def _inside(rectangles: Tensor, b: Tensor, u: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
    """Indices (ray, box) of all pairs whose ray passes through the box's rectangle."""
    rays, boxes = [], []
    for m, rectangle in enumerate(rectangles):
        x_min, y_min, x_max, y_max = take(rectangle, b)
        ray = ((u >= x_min) & (u <= x_max) & (v >= y_min) & (v <= y_max)).nonzero().squeeze(1)
        rays.append(ray)
        boxes.append(torch.full_like(ray, m))
    return torch.cat(rays), torch.cat(boxes)


def _spans(
    geometry: Geometry, slot: Tensor, origin: Tensor, direction: Tensor
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Entry and exit parameters (P,) of P ray-box pairs, axis (P,) of the face of entry or _CURVED, and the ray's
    direction and origin (3, P) in the box's frame.
    """
    rotation = take(geometry.box_from_world, slot)
    local = rotate(rotation, direction)
    offset = rotate(rotation, origin - take(geometry.center, slot))
    inverse = 1 / torch.where(local.abs() < 1e-12, torch.full_like(local, 1e-12), local)
    reach = take(geometry.half, slot) * inverse.abs()
    middle = -offset * inverse
    near, axis = (middle - reach).max(dim=0)
    far = (middle + reach).amin(dim=0)
    curved = geometry.form[slot].nonzero().squeeze(1)
    if len(curved):
        half, form = take(geometry.half, slot[curved]), geometry.form[slot[curved]]
        enter, leave = curved_shapes.intersect(take(offset, curved), take(local, curved), half, form)
        axis[curved] = torch.where(enter >= near[curved], _CURVED, axis[curved])
        near[curved], far[curved] = near[curved].maximum(enter), far[curved].minimum(leave)
    return near, far, axis, local, offset


def _background(geometry: Geometry, b: Tensor, eye: Tensor, direction: Tensor) -> tuple[Tensor, Tensor]:
    """Depth (N,) of room, ground or sky along rays of scenes b (N,), and normals (3, N) there."""
    room, far = take(geometry.room, b), geometry.far.index_select(0, b)
    depth, normal = _room_exit(room, eye, direction)
    under_sky = (far > 0).nonzero().squeeze(1)
    if len(under_sky):
        of_room, of_eye, along = (take(table, under_sky) for table in (room, eye, direction))
        depth[under_sky] = _ground_depth(of_room, of_eye, along, far[under_sky])
        normal[:, under_sky] = normal.new_tensor([[0.0], [0.0], [1.0]])
    return depth, normal


def _ground_depth(room: Tensor, eye: Tensor, direction: Tensor, far: Tensor) -> Tensor:
    """Depth (N,) at which rays from above reach the ground, the lower face of the room; +Inf beyond its edges."""
    depth = (room[2] - eye[2]) / direction[2].clamp(max=-1e-12)
    point = eye[:2] + depth * direction[:2]
    on_ground = ((point >= room[:2]) & (point <= room[3:5])).all(dim=0) & (depth <= far) & (direction[2] < 0)
    return torch.where(on_ground, depth, torch.inf)


def _room_exit(room: Tensor, eye: Tensor, direction: Tensor) -> tuple[Tensor, Tensor]:
    """Parameter (N,) at which rays from inside leave the room, and inward normals (3, N) there."""
    wall = torch.where(direction > 0, room[3:], room[:3])
    safe = torch.where(direction.abs() < 1e-12, torch.full_like(direction, 1e-12), direction)
    exit_at, axis = ((wall - eye) / safe).abs().min(dim=0)
    normal = torch.zeros_like(direction).scatter_(0, axis[None], 1.0) * -direction.sign()
    return exit_at, normal


def rotate(rotation: Tensor, vector: Tensor) -> Tensor:
    """Rotations (9, N), row by row, times vectors (3, N)."""
    return (rotation.view(3, 3, -1) * vector).sum(dim=1)
