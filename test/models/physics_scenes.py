"""Scenes from another world than virtual Unity: boxes that pybullet's physics let fall, seen by its TinyRenderer.

Nothing is shared with `synthetic`: another simulator places the objects, another renderer draws them, and who carries
whom is read from the contact forces.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.objects import ObjectDistance
from unity_depth_perception.dataset.sample import Sample

EDGE_M = 0.07
_NEAR_M, _FAR_M = 0.05, 8.0
_LEAST_PX_RATIO = 0.0004  # of the image, as in annotations of virtual Unity
_COLOURS = {
    "red": (0.85, 0.1, 0.08),
    "orange": (0.95, 0.5, 0.05),
    "yellow": (0.95, 0.9, 0.1),
    "green": (0.1, 0.65, 0.15),
    "blue": (0.1, 0.3, 0.85),
    "purple": (0.55, 0.15, 0.75),
}


@dataclass(frozen=True)
class _Body:
    """A box of the physics world."""

    number: int
    category: str


def physics_sample(bullet: Any, seed: int, width: int = 320, height: int = 240) -> Sample:
    """The scene of a seed at rest, with image, depth, masks and parents; `bullet` is the module pybullet."""
    rng = np.random.default_rng(seed)
    world = bullet.connect(bullet.DIRECT)
    try:
        bullet.setGravity(0, 0, -9.81)
        plane = bullet.createCollisionShape(bullet.GEOM_PLANE)
        slab = bullet.createVisualShape(
            bullet.GEOM_BOX, halfExtents=[4, 4, 0.01], rgbaColor=[*rng.uniform(0.3, 0.9, 3), 1],
            visualFramePosition=[0, 0, -0.01],
        )  # fmt: skip
        floor = bullet.createMultiBody(0, plane, slab)
        bullet.changeDynamics(floor, -1, lateralFriction=0.8)
        bodies = _drop(bullet, rng)
        return _photograph(bullet, rng, seed, bodies, floor, width, height)
    finally:
        bullet.disconnect(world)


def _drop(bullet: Any, rng: np.random.Generator) -> list[_Body]:
    """Cubes on the floor; boxes let fall on them, beside them and on each other, until all is at rest."""
    bodies, places = [], []
    for _ in range(rng.integers(1, 5)):
        xy = rng.normal(0, 2.2, 2) * EDGE_M
        if all(np.linalg.norm(xy - other) > 1.5 * EDGE_M for other in places):
            places.append(xy)
            bodies.append(_add(bullet, rng, "cube", np.full(3, EDGE_M), [*xy, EDGE_M / 2]))
    for place in places:
        level = EDGE_M
        for chance in (0.75, 0.35, 0.2):
            if rng.random() > chance:
                break
            size = EDGE_M * np.array([*rng.uniform(0.3, 1.0, 2), rng.uniform(0.3, 1.6)])
            if rng.random() < 0.25:
                size = EDGE_M * np.array([rng.uniform(1.2, 2.4), rng.uniform(0.3, 0.6), rng.uniform(0.2, 0.5)])
            offset = rng.uniform(-0.4, 0.4, 2) * EDGE_M
            bodies.append(_add(bullet, rng, "parallelepiped", size, [*(place + offset), level + size[2] / 2 + 0.002]))
            level += size[2] + 0.004
            _settle(bullet, 60)
    for _ in range(rng.integers(0, 4)):
        size = EDGE_M * np.exp(rng.uniform(math.log(0.3), math.log(2.2), 3))
        near = places[rng.integers(len(places))] + rng.normal(0, 1.3, 2) * EDGE_M
        bodies.append(_add(bullet, rng, "parallelepiped", size, [*near, 0.25], tumble=True))
        _settle(bullet, 120)
    _settle(bullet, 600)
    return bodies


def _settle(bullet: Any, steps: int) -> None:
    for _ in range(steps):
        bullet.stepSimulation()


def _add(
    bullet: Any, rng: np.random.Generator, shape: str, size: NDArray[np.float64], at: list[float], tumble: bool = False
) -> _Body:
    colour = list(_COLOURS)[rng.integers(len(_COLOURS))]
    half = (np.asarray(size) / 2).tolist()
    turn = [*rng.normal(0, 0.3, 2), 0.0] if tumble else [0.0, 0.0, 0.0]
    turn[2] = rng.uniform(0, math.pi)
    number = bullet.createMultiBody(
        0.5 * float(np.prod(size)) / EDGE_M**3,
        bullet.createCollisionShape(bullet.GEOM_BOX, halfExtents=half),
        bullet.createVisualShape(
            bullet.GEOM_BOX, halfExtents=half, rgbaColor=[*_COLOURS[colour], 1], specularColor=[0, 0, 0]
        ),
        basePosition=at,
        baseOrientation=bullet.getQuaternionFromEuler(turn),
    )
    bullet.changeDynamics(
        number, -1, lateralFriction=0.8, rollingFriction=1e-4, spinningFriction=1e-3, collisionMargin=0.0
    )
    return _Body(number, f"{colour}_{shape}")


def _carriers(bullet: Any, bodies: list[_Body], floor: int) -> dict[int, int | None]:
    """What carries most of each body's weight: another body, or None for the floor."""
    numbers = {body.number for body in bodies}
    carriers: dict[int, int | None] = {}
    for body in bodies:
        lift: dict[int, float] = {}
        for contact in bullet.getContactPoints(bodyA=body.number):
            lift[contact[2]] = lift.get(contact[2], 0.0) + contact[7][2] * contact[9]  # normal on A, force
        best = max(lift, key=lambda other: lift[other], default=floor)
        carriers[body.number] = best if best in numbers and lift[best] > 0 else None
    return carriers


def _photograph(
    bullet: Any, rng: np.random.Generator, seed: int, bodies: list[_Body], floor: int, width: int, height: int
) -> Sample:
    camera = _camera(math.radians(rng.uniform(40, 70)), width, height)
    pose = _look_at(bullet, rng, bodies, camera)
    opengl = np.linalg.inv(pose @ np.diag([1.0, -1.0, -1.0, 1.0]))
    projection = bullet.computeProjectionMatrixFOV(
        math.degrees(camera.vertical_fov_rad), width / height, _NEAR_M, _FAR_M
    )
    sun = [*rng.uniform(-1, 1, 2), rng.uniform(0.7, 1.6)]
    _, _, rgba, buffer, labels = bullet.getCameraImage(
        width, height, viewMatrix=opengl.T.ravel().tolist(), projectionMatrix=projection, lightDirection=sun,
        shadow=1, renderer=bullet.ER_TINY_RENDERER,
    )  # fmt: skip
    buffer = np.reshape(np.asarray(buffer, dtype=np.float64), (height, width))
    labels = np.reshape(np.asarray(labels), (height, width))
    depth_m = _FAR_M * _NEAR_M / (_FAR_M - (_FAR_M - _NEAR_M) * buffer)
    depth_m[labels < 0] = np.inf
    image = np.reshape(np.asarray(rgba, dtype=np.uint8), (height, width, 4))[..., :3]
    return _annotate(bullet, seed, camera, pose, image, depth_m.astype(np.float32), labels, bodies, floor)


def _camera(fov_rad: float, width: int, height: int) -> Camera:
    """TinyRenderer's: its axis meets the pixel at (W/2, H/2 - 1), as the floor and the boxes' faces show to 1e-6 m."""
    return replace(Camera.from_vertical_fov(fov_rad, width, height), cx=width / 2, cy=height / 2 - 1)


def _annotate(
    bullet: Any, seed: int, camera: Camera, pose: NDArray[np.float64], image: NDArray[np.uint8],
    depth_m: NDArray[np.float32], labels: NDArray[Any], bodies: list[_Body], floor: int,
) -> Sample:  # fmt: skip
    seen = [body for body in bodies if (labels == body.number).sum() >= max(1, _LEAST_PX_RATIO * labels.size)]
    ids = {body.number: index for index, body in enumerate(seen)}
    instances = np.zeros(labels.shape, dtype=np.uint16)
    carriers = _carriers(bullet, bodies, floor)
    objects = []
    for body, index in zip(seen, ids.values(), strict=True):
        mask = labels == body.number
        instances[mask] = index + 1
        ys, xs = mask.nonzero()
        box = (int(xs.min()), int(ys.min()), int(xs.max()) + 1, int(ys.max()) + 1)
        carrier = carriers[body.number]
        parent = None if carrier is None else ids.get(carrier)
        objects.append(ObjectDistance(index, body.category, box, parent_id=parent))
    return Sample(f"{seed:05d}.png", np.ascontiguousarray(image), camera, tuple(objects), depth_m, instances, pose)


def _look_at(bullet: Any, rng: np.random.Generator, bodies: list[_Body], camera: Camera) -> NDArray[np.float64]:
    """A camera 5 to 15 edges away that looks 15 to 60 degrees down at one of the bodies."""
    places = [np.array(bullet.getBasePositionAndOrientation(body.number)[0]) for body in bodies]
    at = places[rng.integers(len(places))] + np.array([*rng.normal(0, 0.7, 2), 0]) * EDGE_M
    while True:
        pitch, azimuth = math.radians(rng.uniform(15, 60)), rng.uniform(0, 2 * math.pi)
        back = np.array([math.cos(azimuth) * math.cos(pitch), math.sin(azimuth) * math.cos(pitch), math.sin(pitch)])
        eye = at + back * EDGE_M * rng.uniform(5, 15)
        if min(np.linalg.norm(place - eye) for place in places) > 3 * EDGE_M:
            break
    right = np.cross(-back, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    pose = np.eye(4)
    pose[:3, :4] = np.stack([right, np.cross(-back, right), -back, eye], axis=1)
    return pose
