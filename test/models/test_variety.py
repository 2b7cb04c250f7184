"""Scenes of more variety: patterns, paint and tinted light, which keep the category of each object's colour."""

import colorsys
from dataclasses import replace

import numpy as np
import pytest
import torch

from unity_depth_perception.synthetic.object_placement import HUE_DEG
from unity_depth_perception.synthetic.random_scene import random_scene
from unity_depth_perception.synthetic.render import render
from unity_depth_perception.synthetic.scene import PLAIN_PAINT, Paint, Pattern, Scene
from unity_depth_perception.synthetic.texture import mixing_weight
from unity_depth_perception.synthetic.variety import WIDE

NEW = [Pattern.BRICKS, Pattern.STRIPES, Pattern.MARBLE, Pattern.TERRAZZO]


@pytest.fixture(scope="module")
def wide() -> list[Scene]:
    return [random_scene(seed, 96, 72, variety=WIDE) for seed in range(60)]


def weights(pattern: Pattern, u: torch.Tensor, v: torch.Tensor, footprint: float, seed: int = 3) -> torch.Tensor:
    full = torch.full_like(u, footprint)
    return mixing_weight(
        torch.full_like(u, int(pattern), dtype=torch.int64),
        u,
        v,
        full,
        torch.full_like(u, seed, dtype=torch.int64),
    )


def area(count: int = 300_000) -> torch.Tensor:
    return torch.rand((2, count), generator=torch.Generator().manual_seed(0)) * 60 - 30


@pytest.mark.parametrize("pattern", NEW)
@pytest.mark.parametrize("footprint", [0.001, 0.1, 3.0])
def test_a_pattern_mixes_within_its_two_colours(pattern: Pattern, footprint: float) -> None:
    weight = weights(pattern, *area(20_000), footprint)
    assert weight.min() >= 0
    assert weight.max() <= 1
    if footprint < 0.1:
        assert weight.std() > 0.08


@pytest.mark.parametrize("pattern", NEW)
def test_distant_pattern_fades_to_its_mean(pattern: Pattern) -> None:
    near, far = (weights(pattern, *area(), footprint) for footprint in (0.001, 3.0))
    assert far.std() < 1e-6
    assert float(far.mean()) == pytest.approx(float(near.mean()), abs=0.02)


def test_rows_of_bricks_are_shifted_by_half_a_brick() -> None:
    """On the joints between two bricks of one row lies the middle of a brick of the next."""
    u = torch.arange(-4, 4).float()
    joint, middle = (weights(Pattern.BRICKS, u, torch.full_like(u, v), 0.001) for v in (0.25, 0.75))
    assert joint.min() > 0.99
    assert middle.max() < 0.5


def test_paint_darkens_only_the_painted_box(wide: list[Scene]) -> None:
    scene = next(scene for scene in wide if (render([scene]).boxes == 0).sum() > 200)
    lone = replace(scene, clutter=(), boxes=(replace(scene.boxes[0], paint=PLAIN_PAINT),))
    sensor = replace(scene.sensor, noise=0.0, blur_ratio=0.0, jpeg_quality=None)
    plain = replace(lone, sensor=sensor)
    painted = replace(plain, boxes=(replace(lone.boxes[0], paint=Paint(Pattern.STRIPES, 0.4, 0.02)),))
    bare, striped = render([plain]), render([painted])
    assert torch.equal(bare.depth_m, striped.depth_m)
    assert torch.equal(bare.boxes, striped.boxes)
    change = striped.image.float() - bare.image.float()
    assert change.max() <= 0
    assert change[bare.boxes == 0].min() < -10
    assert (change[bare.boxes != 0].abs().amax(dim=-1) > 0).float().mean() < 0.05  # pixels of its rim


def test_usual_scenes_have_no_new_patterns_paint_or_tints(wide: list[Scene]) -> None:
    usual = [random_scene(seed, 96, 72) for seed in range(60)]
    assert {surface.pattern for scene in usual for surface in (scene.floor, scene.walls)} == set(range(Pattern.BRICKS))
    assert {surface.pattern for scene in wide for surface in (scene.floor, scene.walls)} == set(Pattern)
    assert all(thing.paint is PLAIN_PAINT for scene in usual for thing in scene.solids)
    assert sum(thing.paint is not PLAIN_PAINT for scene in wide for thing in scene.solids) > 60
    assert all(np.ptp(scene.lighting.fill) == 0 for scene in usual)


def test_tints_of_lights_differ_and_stay_within_the_limit(wide: list[Scene]) -> None:
    hues = []
    for scene in wide:
        lights = (scene.lighting.sun, scene.lighting.fill, scene.lighting.ambient)
        assert all(light.min() >= (1 - WIDE.max_tint) * light.max() - 1e-9 for light in lights)
        hues += [colorsys.rgb_to_hsv(*light)[0] for light in lights]
    assert np.histogram(hues, bins=6, range=(0, 1))[0].min() > 10


def test_tinted_light_never_shifts_a_colour_to_the_hues_of_another_category(wide: list[Scene]) -> None:
    for scene in wide:
        for box in scene.boxes:
            colour = box.category.partition("_")[0]
            for sun, fill in ((0, 0), (0, 1), (0.5, 0), (1, 0), (1, 1)):
                light = scene.lighting.ambient + sun * scene.lighting.sun + fill * scene.lighting.fill
                srgb = (box.color * light / (box.color * light).max()) ** (1 / 2.2)
                hue = 360 * colorsys.rgb_to_hsv(*srgb)[0]
                others = [limits for other, limits in HUE_DEG.items() if other != colour]
                assert not any((hue - low) % 360 < high - low for low, high in others), (scene.seed, box.category)
