"""Random scenes, one per seed: objects, their appearance, lighting, room and camera."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.pose import look_at_pose
from unity_depth_perception.synthetic.appearance import paint_box, random_lighting, random_surface
from unity_depth_perception.synthetic.object_placement import place_boxes, place_clutter
from unity_depth_perception.synthetic.scene import CUBE_EDGE_M, Box, Scene, Sensor
from unity_depth_perception.synthetic.variety import USUAL, Variety
from unity_depth_perception.synthetic.worlds.furniture import Furniture, place_on, random_furniture
from unity_depth_perception.synthetic.worlds.open_world import plain_look, under_sky

Vector = NDArray[np.float64]

_TABLES_OUTDOORS = 0.35  # share of the furniture that stands under a sky
_HALL_M = 5.0  # largest distance by which a hall is wider than a room, on each side


def random_fov_rad(rng: np.random.Generator, variety: Variety = USUAL) -> float:
    """Draw a vertical field of view [rad]."""
    return float(rng.uniform(*variety.fov_rad))


def random_scene(
    seed: int,
    width: int,
    height: int,
    fov_rad: float | None = None,
    edge_m: float = CUBE_EDGE_M,
    variety: Variety = USUAL,
) -> Scene:
    """The scene of a seed, with a centred camera of width x height px; the field of view is drawn unless given.

    `edge_m` scales everything, room and camera position included, except surface patterns. A mixture of kinds gives the
    same scene as the kind that it draws for the seed.
    """
    rng, variety = np.random.default_rng(seed), variety.settled(seed)
    camera = Camera.from_vertical_fov(fov_rad if fov_rad is not None else random_fov_rad(rng, variety), width, height)
    while True:  # each draw succeeds with a probability of about one half
        furniture = random_furniture(rng) if variety.kind == "table" else None
        boxes = place_on(rng, furniture, variety) if furniture else place_boxes(rng, CUBE_EDGE_M, variety)
        clutter = place_clutter(rng, boxes, CUBE_EDGE_M, variety)
        if furniture is not None:
            clutter = tuple(thing for thing in clutter if furniture.carries(thing, furniture.tops[0]))
        pose = _place_camera(rng, camera, boxes + clutter, furniture.pieces if furniture else (), variety)
        if pose is not None:
            break
    scene = Scene(
        seed=seed,
        camera=camera,
        world_from_camera=pose,
        room=random_room(rng, pose[None, :3, 3]),
        floor=random_surface(rng, variety, is_floor=True),
        walls=random_surface(rng, variety, is_floor=False),
        grain=float(rng.uniform(0, 0.3)) if rng.random() < 0.6 else 0.0,
        gloss=float(rng.uniform(0, 0.35)) if rng.random() < 0.5 else 0.0,
        lighting=random_lighting(rng, variety),
        sensor=Sensor(
            exposure=float(np.exp(rng.normal(0, 0.15))),
            blur_ratio=float(rng.uniform(0, variety.max_blur_ratio)),
            noise=float(rng.uniform(0, 0.02)),
            vignette=float(rng.uniform(0, 0.25)),
            jpeg_quality=_jpeg_quality(rng, variety),
        ),
        boxes=tuple(paint_box(rng, box, variety) for box in boxes),
        clutter=tuple(paint_box(rng, thing, variety) for thing in clutter),
    )
    if furniture is not None:
        scene = _furnished(rng, scene, furniture)
    if variety.kind == "open" or (furniture is not None and rng.random() < _TABLES_OUTDOORS):
        scene = under_sky(rng, scene)
    if variety.kind != "room":
        scene = plain_look(rng, scene)
    return scene if edge_m == CUBE_EDGE_M else scaled_scene(scene, edge_m / CUBE_EDGE_M)


def _furnished(rng: np.random.Generator, scene: Scene, furniture: Furniture) -> Scene:
    """The scene with furniture, its floor below the objects' level, in a room that may be a hall."""
    reach = [np.linalg.norm(piece.size_m) / 2 * np.array([[-1], [1]]) + piece.center_m for piece in furniture.pieces]
    room = random_room(rng, np.concatenate([scene.world_from_camera[None, :3, 3], *reach]))
    room[0, 2] = furniture.floor_m
    room[:, :2] += np.array([[-1], [1]]) * rng.uniform(0, _HALL_M, (2, 2)) * (rng.random() < 0.5)
    return replace(scene, room=room, furniture=furniture.pieces, levels_m=furniture.levels_m)


def scaled_scene(scene: Scene, factor: float) -> Scene:
    """The scene with all lengths multiplied by a factor, except those of surface patterns."""
    pose = scene.world_from_camera.copy()
    pose[:3, 3] *= factor

    def scaled(box: Box) -> Box:
        return replace(box, center_m=factor * box.center_m, size_m=factor * box.size_m)

    return replace(
        scene,
        world_from_camera=pose,
        boxes=tuple(map(scaled, scene.boxes)),
        clutter=tuple(map(scaled, scene.clutter)),
        room=factor * scene.room,
        sky=scene.sky and replace(scene.sky, far_m=factor * scene.sky.far_m, fog_per_m=scene.sky.fog_per_m / factor),
        furniture=tuple(map(scaled, scene.furniture)),
        levels_m=tuple(factor * level_m for level_m in scene.levels_m),
    )


def _place_camera(
    rng: np.random.Generator, camera: Camera, boxes: tuple[Box, ...], furniture: tuple[Box, ...], variety: Variety
) -> Vector | None:
    """Draw a pose `world_from_camera` that shows one of the cubes unoccluded, or None if this draw shows none."""
    edge_m, cubes = CUBE_EDGE_M, [box for box in boxes if box.category.endswith("_cube")]
    if not cubes:  # none had its place on the furniture
        return None
    target = cubes[rng.integers(len(cubes))]
    nearest, farthest = variety.distance_edges
    farthest = min(farthest, 1 / (2 * variety.min_cube_height_ratio * math.tan(camera.vertical_fov_rad / 2)))
    distance_m = edge_m * math.exp(rng.uniform(math.log(nearest), math.log(farthest)))
    pitch, azimuth = math.radians(rng.uniform(*variety.pitch_deg)), rng.uniform(0, 2 * math.pi)
    back = np.array([math.cos(azimuth) * math.cos(pitch), math.sin(azimuth) * math.cos(pitch), math.sin(pitch)])
    reach_m = distance_m * math.tan(camera.vertical_fov_rad / 2)
    look_at = target.center_m + np.array([*(rng.uniform(-0.6, 0.6, 2) * reach_m), 0.0])
    if variety.max_rise:
        look_at[2] += rng.uniform(0, variety.max_rise) * reach_m
    eye = look_at + distance_m * back
    if eye[2] < target.center_m[2]:
        return None
    pose = look_at_pose(eye, look_at, roll_rad=math.radians(rng.normal(0, 1.5)))
    if min(float(np.linalg.norm(box.center_m - eye) - np.linalg.norm(box.size_m) / 2) for box in boxes) < 2 * edge_m:
        return None
    top = target.center_m + np.array([0, 0, edge_m / 2])
    u, v = camera.project((top - eye) @ pose[:3, :3])
    margin = 0.08
    if not (margin < u / camera.width < 1 - margin and margin < v / camera.height < 1 - margin):
        return None
    hidden = any(_hides(box, eye, top + np.array([0, 0, 1e-4])) for box in boxes + furniture)
    return None if hidden else pose


def _hides(box: Box, start: Vector, end: Vector) -> bool:
    origin = (start - box.center_m) @ box.world_from_box
    step = (end - start) @ box.world_from_box
    with np.errstate(divide="ignore"):
        near = (-np.sign(step) * box.size_m / 2 - origin) / step
        far = (np.sign(step) * box.size_m / 2 - origin) / step
    return bool(near.max() < far.min() and near.max() < 1 and far.min() > 0)


def random_room(rng: np.random.Generator, points: Vector) -> Vector:
    """Draw a room (2, 3) around points (N, 3) and the world's origin, whose walls are 15 cm to 1.6 m from them."""
    lower = np.minimum(points[:, :2].min(axis=0), -0.25) - np.exp(rng.uniform(math.log(0.15), math.log(1.6), 2))
    upper = np.maximum(points[:, :2].max(axis=0), 0.25) + np.exp(rng.uniform(math.log(0.15), math.log(1.6), 2))
    return np.array([[*lower, 0.0], [*upper, points[:, 2].max() + rng.uniform(0.6, 2.0)]])


def _jpeg_quality(rng: np.random.Generator, variety: Variety) -> int | None:
    return int(rng.integers(40, 96)) if variety.jpeg_probability and rng.random() < variety.jpeg_probability else None
