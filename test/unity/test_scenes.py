"""Random scenes of boxes, and what stands on what."""

from __future__ import annotations

import math
from collections import defaultdict
from pathlib import Path

import numpy as np
from mono import Mono
from numpy.typing import NDArray

EDGE_M = 0.07
SCENES = 200


def layouts(mono: Mono, program: Path) -> tuple[list[list[float]], dict[int, list[list[float]]]]:
    """Cameras, and the boxes of each scene."""
    cameras, boxes = [], defaultdict(list)
    for line in mono.run(program, "layouts", "", str(SCENES)).splitlines():
        numbers = [float(word) for word in line.split()]
        if len(numbers) == 7:
            cameras.append(numbers[1:])
        else:
            boxes[int(numbers[0])].append(numbers[1:])
    return cameras, boxes


def points_of(box: list[float], steps: int = 7) -> NDArray[np.float64]:
    """A grid of points of a box in the world; Unity turns clockwise seen from above."""
    center, size, yaw = np.array(box[4:7]), np.array(box[7:10]), math.radians(box[10])
    axis = np.linspace(-0.5, 0.5, steps)
    grid = np.stack(np.meshgrid(axis, axis, axis), axis=-1).reshape(-1, 3) * size
    turn = np.array([[math.cos(yaw), 0, math.sin(yaw)], [0, 1, 0], [-math.sin(yaw), 0, math.cos(yaw)]])
    return center + grid @ turn.T


def inside(box: list[float], points: NDArray[np.float64]) -> bool:
    center, size, yaw = np.array(box[4:7]), np.array(box[7:10]), math.radians(box[10])
    turn = np.array([[math.cos(yaw), 0, math.sin(yaw)], [0, 1, 0], [-math.sin(yaw), 0, math.cos(yaw)]])
    return bool((np.abs((points - center) @ turn) < size / 2 - 1e-9).all(axis=1).any())


def test_boxes_stand_on_floor_or_cube_and_nothing_overlaps(mono: Mono, core_probe: Path) -> None:
    _, scenes = layouts(mono, core_probe)
    carried = 0
    for boxes in scenes.values():
        assert boxes[0][3] == 1  # at least one cube
        for k, box in enumerate(boxes):
            _, parent, colour, is_cube, _, y, _, sx, sy, sz, _ = box
            carrier = None if parent < 0 else boxes[int(parent)]
            carried += carrier is not None
            assert y - sy / 2 == 0 if carrier is None else abs(y - sy / 2 - carrier[5] - carrier[8] / 2) < 1e-12
            assert carrier is None or (parent < k and carrier[3] == 1)
            assert 0 <= colour < 6
            assert (max(sx, sy, sz) >= 1.6 * min(sx, sy, sz)) != bool(is_cube)
            for other in boxes[:k]:
                assert not inside(other, points_of(box))
                assert not inside(box, points_of(other))
    assert carried > SCENES / 2


def test_seed_makes_the_same_scenes_again(mono: Mono, core_probe: Path) -> None:
    first, second = (mono.run(core_probe, "layouts", culture, "20") for culture in ("", "de-DE"))
    assert first == second
    cameras, _ = layouts(mono, core_probe)
    assert len({tuple(camera) for camera in cameras}) == SCENES


def test_camera_looks_down_from_a_few_edges(mono: Mono, core_probe: Path) -> None:
    cameras, _ = layouts(mono, core_probe)
    away = np.array(cameras)[:, :3] - np.array(cameras)[:, 3:]
    distance = np.linalg.norm(away, axis=1)
    assert (distance > 6.9 * EDGE_M).all()
    assert (distance < 15.1 * EDGE_M).all()
    pitch = np.degrees(np.arcsin(away[:, 1] / distance))
    assert (pitch > 19.9).all()
    assert (pitch < 60.1).all()


def test_parent_is_what_bears_most(mono: Mono, core_probe: Path) -> None:
    bounds = [
        "0 0 0 1 1 1",  # a cube on the floor
        "1.1 0 0 2.1 1 1",  # another one
        "0.6 1.005 0.2 1.4 1.2 0.8",  # a plank over both, more on the first
        "0.7 1.2 0.3 0.9 1.4 0.5",  # something on the plank
        "0 1.1 0 0.2 1.3 0.2",  # hovers
        "5 0 5 6 1 6",  # alone
    ]
    found = mono.run(core_probe, "parents", text="\n".join(bounds)).split()
    assert found == ["-1", "-1", "0", "2", "-1", "-1"]
