"""Clutter of curved shapes in virtual scenes: exact depth, and background in the masks."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from unity_depth_perception.synthetic import curved_shapes
from unity_depth_perception.synthetic.random_scene import random_scene
from unity_depth_perception.synthetic.render import render
from unity_depth_perception.synthetic.samples import render_sample
from unity_depth_perception.synthetic.scene import Box, Form, Scene
from unity_depth_perception.synthetic.variety import WIDE

FORMS = torch.tensor([Form.ELLIPSOID, Form.CYLINDER])


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [scene for seed in range(30) if (scene := random_scene(seed, 160, 120, variety=WIDE)).clutter]


def level(box: Box, points: np.ndarray) -> np.ndarray:
    """(K,) how far points (K, 3) [m] in the world lie outside the form: 0 on its surface, in sizes of the box."""
    x, y, z = ((points - box.center_m) @ box.world_from_box / (box.size_m / 2)).T
    if box.form is Form.ELLIPSOID:
        return np.sqrt(x * x + y * y + z * z) - 1
    return np.maximum(np.hypot(x, y), np.abs(z)) - 1


def test_depth_lies_on_the_surface_of_curved_shapes(scenes: list[Scene]) -> None:
    seen = {Form.ELLIPSOID: 0, Form.CYLINDER: 0}
    for scene in scenes:
        rendering = render([scene])
        v, u = np.mgrid[: scene.camera.height, : scene.camera.width]
        optical = scene.camera.unproject(np.stack([u, v], axis=-1), rendering.depth_m[0].double().numpy())
        world = optical @ scene.world_from_camera[:3, :3].T + scene.world_from_camera[:3, 3]
        background = world[rendering.boxes[0].numpy() == -1]
        room = np.minimum(np.abs(background - scene.room[0]), np.abs(background - scene.room[1])).min(axis=1)
        levels = np.stack([level(thing, background) for thing in scene.clutter])
        assert levels.min() > -1e-3
        assert np.minimum(room, np.abs(levels).min(axis=0)).max() < 1e-3
        for thing, distance in zip(scene.clutter, levels, strict=True):
            seen[thing.form] += int((distance < 1e-4).sum())
    assert min(seen.values()) > 500


def test_normal_is_the_gradient_of_the_surface() -> None:
    half = torch.tensor([[0.2, 0.2], [0.1, 0.1], [0.3, 0.3]])
    origin, direction = (
        torch.tensor([[-1.0, -1.0], [0.02, 0.02], [0.05, 0.05]]),
        torch.tensor([[1.0, 1.0], [0, 0], [0, 0]]),
    )
    enter, leave = curved_shapes.intersect(origin, direction, half, FORMS)
    assert (enter < leave).all()
    point = origin + enter * direction
    normal = curved_shapes.outward_normals(point, half, FORMS)
    assert torch.allclose(normal.norm(dim=0), torch.ones(2))
    step = 1e-3 * normal
    for sign, inside in ((1, False), (-1, True)):
        o = (point + sign * step) / half
        o[2, 1] = 0  # the cylinder is endless
        assert ((o.norm(dim=0) < 1) == inside).all()
    assert normal[2, 1] == 0


def test_ray_that_misses_has_no_intersection() -> None:
    origin, direction = torch.tensor([[-1.0, -1.0], [0.5, 0.5], [0, 0]]), torch.tensor([[1.0, 1.0], [0, 0], [0, 0]])
    enter, leave = curved_shapes.intersect(origin, direction, torch.full((3, 2), 0.4), FORMS)
    assert (enter > leave).all()


def test_clutter_is_background_and_touches_nothing(scenes: list[Scene]) -> None:
    for scene in scenes:
        sample = render_sample(scene)
        assert {item.category for item in sample.objects} <= {box.category for box in scene.boxes}
        assert render([scene]).boxes.max() < len(scene.boxes)
        for thing in scene.clutter:
            assert thing.center_m[2] == pytest.approx(thing.size_m[2] / 2)
            assert all(level(thing, box.center_m[None]) > 0 for box in scene.boxes)


def test_the_usual_scenes_have_neither_clutter_nor_compression() -> None:
    usual, wide = ([random_scene(seed, 64, 48, **kind) for seed in range(20)] for kind in ({}, {"variety": WIDE}))
    assert not any(scene.clutter or scene.sensor.jpeg_quality for scene in usual)
    assert sum(scene.sensor.jpeg_quality is not None for scene in wide) >= 2


def test_compression_changes_the_image_a_little_and_nothing_else(scenes: list[Scene]) -> None:
    scene = scenes[0]
    plain, small = (
        render([replace(scene, sensor=replace(scene.sensor, jpeg_quality=quality))]) for quality in (None, 40)
    )
    change = (plain.image.float() - small.image.float()).abs()
    assert 0.1 < change.mean() < 10
    assert torch.equal(plain.depth_m, small.depth_m)
