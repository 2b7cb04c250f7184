"""Random scenes: where things stand, what they look like, where the camera is. One seed, one scene."""

from __future__ import annotations

import colorsys
import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.synthetic.scene import (
    COLOURS,
    CUBE_EDGE_M,
    Box,
    Lighting,
    Pattern,
    Scene,
    Sensor,
    Surface,
)
from unity_depth_perception.synthetic.variety import USUAL, Variety

_HUE_DEG = {
    "red": (-7, 7),
    "orange": (22, 33),
    "yellow": (50, 60),
    "green": (98, 142),
    "blue": (205, 236),
    "purple": (270, 298),
}
_LEAST_CUBE = 0.035  # of the image's height: what an edge of the cube that the camera looks at covers
_GAP_M = 0.003  # between neighbours, so that nothing touches by accident

Vector = NDArray[np.float64]


def random_fov_rad(rng: np.random.Generator, variety: Variety = USUAL) -> float:
    """A vertical field of view [rad]."""
    return float(rng.uniform(*variety.fov_rad))


def random_scene(
    seed: int,
    width: int,
    height: int,
    fov_rad: float | None = None,
    edge_m: float = CUBE_EDGE_M,
    variety: Variety = USUAL,
) -> Scene:
    """The scene of a seed, seen by a centred camera of width x height px; the field of view is drawn unless given.

    With cubes of another edge everything grows along, room and camera included, but for the patterns on the surfaces.
    """
    rng = np.random.default_rng(seed)
    camera = Camera.from_vertical_fov(fov_rad if fov_rad is not None else random_fov_rad(rng, variety), width, height)
    while True:  # each draw succeeds with a probability of about one half
        boxes = _place_boxes(rng, CUBE_EDGE_M, variety)
        pose = _place_camera(rng, camera, boxes, CUBE_EDGE_M, variety)
        if pose is not None:
            break
    scene = Scene(
        seed=seed,
        camera=camera,
        world_from_camera=pose,
        boxes=boxes,
        room=_room(rng, pose[:3, 3]),
        floor=_surface(rng, variety, is_floor=True),
        walls=_surface(rng, variety, is_floor=False),
        grain=float(rng.uniform(0, 0.3)) if rng.random() < 0.6 else 0.0,
        gloss=float(rng.uniform(0, 0.35)) if rng.random() < 0.5 else 0.0,
        lighting=_lighting(rng, variety),
        sensor=Sensor(
            exposure=float(np.exp(rng.normal(0, 0.15))),
            blur_ratio=float(rng.uniform(0, variety.most_blur)),
            noise=float(rng.uniform(0, 0.02)),
            vignette=float(rng.uniform(0, 0.25)),
        ),
    )
    return scene if edge_m == CUBE_EDGE_M else _grown(scene, edge_m / CUBE_EDGE_M)


def _grown(scene: Scene, factor: float) -> Scene:
    pose = scene.world_from_camera.copy()
    pose[:3, 3] *= factor
    boxes = tuple(replace(box, center_m=factor * box.center_m, size_m=factor * box.size_m) for box in scene.boxes)
    return replace(scene, world_from_camera=pose, boxes=boxes, room=factor * scene.room)


def _place_boxes(rng: np.random.Generator, edge_m: float, variety: Variety) -> tuple[Box, ...]:
    spread_m = rng.uniform(1.5, 4.5) * edge_m
    boxes: list[Box] = []
    for _ in range(rng.choice(4, p=[0.25, 0.35, 0.25, 0.15]) + 1):
        _try_add(rng, boxes, "cube", np.full(3, edge_m), rng.normal(0, spread_m / 1.5, 2), None, variety)
    for parent in range(len(boxes)):
        for chance in (0.6, 0.15):
            if rng.random() < chance:
                offset = rng.uniform(-0.38, 0.38, 2) * edge_m
                _try_add(
                    rng,
                    boxes,
                    "parallelepiped",
                    _carried_size(rng, edge_m, variety.elongation),
                    boxes[parent].center_m[:2] + offset,
                    parent,
                    variety,
                )
    for _ in range(rng.choice(4, p=[0.3, 0.35, 0.25, 0.1])):
        size = _floor_size(rng, edge_m, variety.elongation)
        _try_add(rng, boxes, "parallelepiped", size, rng.normal(0, spread_m / 1.3, 2), None, variety)
    return tuple(boxes)


def _carried_size(rng: np.random.Generator, edge_m: float, elongation: float) -> Vector:
    while True:
        size = edge_m * np.array([*rng.uniform(0.28, 1.0, 2), rng.uniform(0.28, 1.9)])
        if rng.random() < 0.12:  # a plank that hangs over
            size[0] = edge_m * rng.uniform(1.1, 1.6)
        if size.max() >= elongation * size.min():
            return size


def _floor_size(rng: np.random.Generator, edge_m: float, elongation: float) -> Vector:
    while True:
        size = edge_m * np.exp(rng.uniform(math.log(0.3), math.log(2.4), 3))
        if size.max() >= elongation * size.min():
            return np.asarray(size, dtype=np.float64)


def _try_add(
    rng: np.random.Generator,
    boxes: list[Box],
    shape: str,
    size: Vector,
    xy: Vector,
    parent: int | None,
    variety: Variety,
) -> None:
    """Add the box where it collides with nothing, looking a little around `xy`; give up after some tries."""
    colour = COLOURS[rng.integers(len(COLOURS))]
    if variety.same_colour and boxes and rng.random() < variety.same_colour:
        colour = boxes[-1 if parent is None else parent].category.partition("_")[0]
    base = 0.0 if parent is None else float(boxes[parent].center_m[2] + boxes[parent].size_m[2] / 2)
    for attempt in range(12):
        shift = rng.normal(0, 0.02 + 0.02 * attempt, 2) if parent is None and attempt else np.zeros(2)
        center = np.array([*(xy + shift), base + size[2] / 2])
        box = Box(
            center,
            size,
            _yaw_matrix(rng.uniform(0, 2 * math.pi)),
            _object_color(rng, colour),
            f"{colour}_{shape}",
            parent,
        )
        if not any(_collide(box, other) for index, other in enumerate(boxes) if index != parent):
            boxes.append(box)
            return


def _collide(a: Box, b: Box) -> bool:
    if abs(a.center_m[2] - b.center_m[2]) >= (a.size_m[2] + b.size_m[2]) / 2 - 1e-9:
        return False
    delta = (b.center_m - a.center_m)[:2]
    for axis in (*a.world_from_box[:2, :2].T, *b.world_from_box[:2, :2].T):  # separating axes of two rectangles
        reach = sum(np.abs(axis @ box.world_from_box[:2, :2]) @ box.size_m[:2] / 2 for box in (a, b))
        if abs(axis @ delta) >= reach + _GAP_M:
            return False
    return True


def _place_camera(
    rng: np.random.Generator, camera: Camera, boxes: tuple[Box, ...], edge_m: float, variety: Variety
) -> Vector | None:
    """A pose that sees a cube well, or None."""
    cubes = [box for box in boxes if box.category.endswith("_cube")]
    target = cubes[rng.integers(len(cubes))]
    nearest, farthest = variety.distance
    farthest = min(farthest, 1 / (2 * _LEAST_CUBE * math.tan(camera.vertical_fov_rad / 2)))
    distance_m = edge_m * math.exp(rng.uniform(math.log(nearest), math.log(farthest)))
    pitch, azimuth = math.radians(rng.uniform(*variety.pitch_deg)), rng.uniform(0, 2 * math.pi)
    back = np.array([math.cos(azimuth) * math.cos(pitch), math.sin(azimuth) * math.cos(pitch), math.sin(pitch)])
    reach_m = distance_m * math.tan(camera.vertical_fov_rad / 2)
    look_at = target.center_m + np.array([*(rng.uniform(-0.6, 0.6, 2) * reach_m), 0.0])
    eye = look_at + distance_m * back
    pose = _look(eye, look_at, roll_rad=math.radians(rng.normal(0, 1.5)))
    if min(float(np.linalg.norm(box.center_m - eye) - np.linalg.norm(box.size_m) / 2) for box in boxes) < 2 * edge_m:
        return None
    top = target.center_m + np.array([0, 0, edge_m / 2])
    u, v = camera.project((top - eye) @ pose[:3, :3])
    margin = 0.08
    if not (margin < u / camera.width < 1 - margin and margin < v / camera.height < 1 - margin):
        return None
    hidden = any(_blocks(box, eye, top + np.array([0, 0, 1e-4])) for box in boxes)
    return None if hidden else pose


def _look(eye: Vector, at: Vector, roll_rad: float) -> Vector:
    forward = (at - eye) / np.linalg.norm(at - eye)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    c, s = math.cos(roll_rad), math.sin(roll_rad)
    pose = np.eye(4)
    pose[:3, :4] = np.stack([c * right + s * down, c * down - s * right, forward, eye], axis=1)
    return pose


def _blocks(box: Box, start: Vector, end: Vector) -> bool:
    origin = (start - box.center_m) @ box.world_from_box
    step = (end - start) @ box.world_from_box
    with np.errstate(divide="ignore"):
        near = (-np.sign(step) * box.size_m / 2 - origin) / step
        far = (np.sign(step) * box.size_m / 2 - origin) / step
    return bool(near.max() < far.min() and near.max() < 1 and far.min() > 0)


def _room(rng: np.random.Generator, eye: Vector) -> Vector:
    lower = np.minimum(eye[:2], -0.25) - np.exp(rng.uniform(math.log(0.15), math.log(1.6), 2))
    upper = np.maximum(eye[:2], 0.25) + np.exp(rng.uniform(math.log(0.15), math.log(1.6), 2))
    return np.array([[*lower, 0.0], [*upper, eye[2] + rng.uniform(0.6, 2.0)]])


def _surface(rng: np.random.Generator, variety: Variety, is_floor: bool) -> Surface:
    odds = [0.2, 0.15, 0.2, 0.25, 0.2] if is_floor else [0.5, 0.05, 0.1, 0.3, 0.05]
    pattern = Pattern(int(rng.choice(len(Pattern), p=odds)))
    hue, saturation, value = rng.random(), rng.beta(1.2, 4) * 0.7, rng.uniform(0.3, 0.95)
    if pattern is Pattern.WOOD:
        hue, saturation, value = rng.uniform(0.05, 0.1), rng.uniform(0.25, 0.55), rng.uniform(0.3, 0.7)
    if variety.vivid and rng.random() < variety.vivid:
        hue, saturation = rng.random(), rng.uniform(0.4, 0.95)
    contrast = rng.uniform(0.1, 0.6) if pattern is Pattern.CHECKER else rng.uniform(0.08, 0.4)
    other = float(np.clip(value * (1 - contrast) if rng.random() < 0.7 else value * (1 + contrast), 0.05, 1))
    return Surface(
        pattern,
        _linear(colorsys.hsv_to_rgb(hue, saturation, value)),
        _linear(colorsys.hsv_to_rgb((hue + rng.normal(0, 0.03)) % 1, saturation, other)),
        period_m=math.exp(rng.uniform(math.log(0.03), math.log(0.5))),
        angle_rad=float(rng.uniform(0, math.pi)),
    )


def _lighting(rng: np.random.Generator, variety: Variety) -> Lighting:
    elevation, azimuth = math.radians(rng.uniform(30, 80)), rng.uniform(0, 2 * math.pi)
    sun = np.array(
        [math.cos(azimuth) * math.cos(elevation), math.sin(azimuth) * math.cos(elevation), math.sin(elevation)]
    )
    turn = azimuth + rng.uniform(1.5, 4.8)
    fill = np.array([math.cos(turn) * 0.8, math.sin(turn) * 0.8, 0.6])
    warmth = rng.normal(0, variety.warmth)
    tint = np.array([1 + warmth, 1.0, 1 - warmth])
    return Lighting(
        to_sun=sun,
        sun=tint * rng.uniform(0.45, 1.0),
        to_fill=fill,
        fill=np.full(3, rng.uniform(0.0, 0.3)),
        ambient=rng.uniform(*variety.ambient) / tint,
    )


def _object_color(rng: np.random.Generator, colour: str) -> Vector:
    hue = rng.uniform(*_HUE_DEG[colour]) / 360 % 1
    return _linear(colorsys.hsv_to_rgb(hue, rng.uniform(0.68, 1.0), rng.uniform(0.6, 1.0)))


def _linear(srgb: tuple[float, float, float]) -> Vector:
    return np.asarray(srgb, dtype=np.float64) ** 2.2


def _yaw_matrix(yaw_rad: float) -> Vector:
    c, s = math.cos(yaw_rad), math.sin(yaw_rad)
    return np.array([[c, -s, 0.0], [s, c, 0.0], [0.0, 0.0, 1.0]])
