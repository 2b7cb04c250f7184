"""Small scenes of boxes whose truth is known, seen by a ray caster of a few lines."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.ground_plane import fit_ground_plane, up_from_pose
from unity_depth_perception.core.support_relations.evidence import ContactEdges
from unity_depth_perception.core.support_relations.inference import find_parents

Array = NDArray[np.float64]
CAMERA = Camera.from_vertical_fov(math.radians(50), 240, 180)
WALL_M = 1.0  # behind the origin


@dataclass(frozen=True)
class Box:
    """A box: middle (x, y), height of its foot, size, yaw; tilted about its middle. World: x right, y away, z up."""

    x: float
    y: float
    foot: float
    size: tuple[float, float, float]
    yaw_deg: float = 20.0
    shape: str = "parallelepiped"
    tilt_deg: float = 0.0  # raises its right end


def cube(x: float = 0.0, y: float = 0.0, edge: float = 1.0, yaw_deg: float = 20.0) -> Box:
    return Box(x, y, 0.0, (edge, edge, edge), yaw_deg, "cube")


def look(pitch_deg: float, distance: float, scale: float, aside: float = 0.0) -> Array:
    """Pose of a camera that looks down at the origin's surroundings by `pitch_deg`."""
    pitch = math.radians(pitch_deg)
    forward = np.array([0, math.cos(pitch), -math.sin(pitch)])
    right = np.array([1.0, 0, 0])
    pose = np.eye(4)
    pose[:3, :3] = np.stack([right, np.cross(forward, right), forward], axis=1)
    pose[:3, 3] = np.array([aside * scale, 0, 0.5 * scale]) - distance * scale * forward
    return pose


@dataclass(frozen=True)
class View:
    """Visible points (K, 3) of each box and of floor and wall, and the contact edges of the boxes."""

    points: list[Array]
    background: Array
    edges: ContactEdges
    owner: NDArray[np.int64]  # (H, W) which box a pixel shows, -1: none


def render(boxes: list[Box], pose: Array, scale: float, seen_by: Camera = CAMERA, unlabelled: int = 0) -> View:
    """The boxes on a grid of pixels; the last `unlabelled` ones are background."""
    v, u = np.mgrid[: seen_by.height, : seen_by.width]
    rays = seen_by.unproject(np.stack([u.ravel(), v.ravel()], axis=-1), np.ones(u.size)) @ pose[:3, :3].T
    eye = pose[:3, 3]
    with np.errstate(divide="ignore", invalid="ignore"):
        floor = np.where(rays[:, 2] < 0, -eye[2] / rays[:, 2], np.inf)
        wall = np.where(rays[:, 1] > 0, (4 * scale - eye[1]) / rays[:, 1], np.inf)
        depth, owner = np.minimum(floor, wall), np.full(u.size, -1)
        for k, box in enumerate(boxes):
            near = _entry(box, eye, rays, scale)
            owner = np.where(near < depth, k, owner)
            depth = np.minimum(near, depth)
    count = len(boxes) - unlabelled
    owner[owner >= count] = -1
    points = (rays * depth[:, None]) @ pose[:3, :3]
    grids = owner.reshape(v.shape), depth.reshape(v.shape)
    each = [points[owner == k] for k in range(count)]
    return View(each, points[owner == -1], _contact_edges(*grids, count), grids[0])


def no_contact_edges(count: int) -> ContactEdges:
    per_object, per_pair = np.zeros(count), np.zeros((count, count))
    return ContactEdges(per_object, per_pair, per_object, per_object, per_pair)


def _contact_edges(owner: Array, depth: Array, count: int) -> ContactEdges:
    """Pixel by pixel what ops.contact_edges does at once."""
    visible, background_touching, background = np.zeros((3, count))
    (touching, others), length = np.zeros((2, count, count)), np.full(count, 1e-9)
    for y, x in zip(*np.nonzero(owner >= 0), strict=True):
        k = owner[y, x]
        below = owner[y + 1, x] if y + 1 < len(owner) else None
        if below == k:
            continue
        length[k] += 1
        if below == -1:
            background[k] += 1
            background_touching[k] += depth[y + 1, x] < 1.02 * depth[y, x]
        elif below is not None:
            others[k, below] += 1
        nearer = below is not None and depth[y + 1, x] < 0.98 * depth[y, x]
        if below == -1 or (below is not None and not nearer and depth[y + 1, x] > 1.02 * depth[y, x]):
            visible[k] += 1
        elif below is not None and not nearer:
            touching[k, below] += 1
    per_object = (fraction / length for fraction in (visible, background_touching, background))
    touching, others = (table / length[:, None] for table in (touching, others))
    return ContactEdges(next(per_object), touching, *per_object, others)


def _entry(box: Box, eye: Array, rays: Array, scale: float) -> Array:
    """Where rays enter a box (slab test), inf where they miss it."""
    c, s = math.cos(math.radians(box.yaw_deg)), math.sin(math.radians(box.yaw_deg))
    up, along = math.sin(math.radians(box.tilt_deg)), math.cos(math.radians(box.tilt_deg))
    turn = np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]) @ np.array([[along, 0, -up], [0, 1, 0], [up, 0, along]])
    half = np.array(box.size) * scale / 2
    origin = (eye - np.array([box.x, box.y, box.foot]) * scale - [0, 0, half[2]]) @ turn
    ways = rays @ turn
    bounds = np.sort(np.stack([(-half - origin) / ways, (half - origin) / ways]), axis=0)
    near, far = bounds[0].max(axis=1), bounds[1].min(axis=1)
    return np.where((near < far) & (near > 0), near, np.inf)


def parents_of(
    boxes: list[Box], pose: Array, scale: float, know_up: bool = True, camera: Camera = CAMERA, unlabelled: int = 0
) -> list[int | None]:
    view = render(boxes, pose, scale, camera, unlabelled)
    floor = fit_ground_plane(view.background[::7], np.concatenate(view.points), up_from_pose(pose) if know_up else None)
    assert floor is not None
    categories = [f"red_{box.shape}" for box in boxes[: len(view.points)]]
    links = find_parents(view.points, categories, floor, view.edges, camera.focal_px)
    return [None if link is None else link.parent for link in links]
