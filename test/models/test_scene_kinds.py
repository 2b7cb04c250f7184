"""Kinds of virtual scenes: open ground under a sky, furniture, and rooms, which stay as they were."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from unity_depth_perception.core.errors import ConfigurationError
from unity_depth_perception.synthetic.random_scene import random_scene, scaled_scene
from unity_depth_perception.synthetic.render import render
from unity_depth_perception.synthetic.samples import render_sample
from unity_depth_perception.synthetic.scene import CUBE_EDGE_M, Scene, Sky, SkyKind
from unity_depth_perception.synthetic.seeds import scene_seed
from unity_depth_perception.synthetic.variety import KINDS, MIXED, USUAL, WIDE

OPEN, TABLE = (replace(WIDE, kind=kind) for kind in ("open", "table"))

# Images of 64 x 48 px of `scene_seed(0, k)` before there were other kinds: mean value of each quarter of the image,
# mean depth [m], number of pixels of objects.
ROOMS_BEFORE: dict[tuple[str, int], list[float]] = {
    ("usual", 0): [80.182, 84.133, 159.54, 107.681, 0.763021, 447],
    ("usual", 1): [133.987, 131.313, 208.781, 209.979, 0.968724, 42],
    ("usual", 2): [107.973, 103.394, 160.8, 209.655, 0.447555, 695],
    ("usual", 3): [107.911, 106.766, 112.929, 111.463, 0.64684, 189],
    ("wide", 0): [144.092, 129.949, 115.344, 118.806, 1.268257, 22],
    ("wide", 1): [113.687, 139.839, 138.249, 138.094, 0.472061, 141],
    ("wide", 2): [116.957, 116.01, 131.936, 132.208, 1.01887, 52],
    ("wide", 3): [129.64, 138.28, 64.742, 117.11, 1.325417, 25],
}


def world_points(scene: Scene, depth_m: np.ndarray) -> np.ndarray:
    v, u = np.mgrid[: scene.camera.height, : scene.camera.width]
    optical = scene.camera.unproject(np.stack([u, v], axis=-1), depth_m.astype(np.float64))
    with np.errstate(invalid="ignore"):  # sky
        return np.asarray(optical @ scene.world_from_camera[:3, :3].T + scene.world_from_camera[:3, 3])


def rays(scene: Scene) -> np.ndarray:
    points = world_points(scene, np.ones((scene.camera.height, scene.camera.width)))
    return points - scene.world_from_camera[:3, 3]


def fingerprint(scene: Scene) -> list[float]:
    rendering = render([scene])
    quarters = rendering.image[0].double().view(2, 24, 2, 32, 3).mean(dim=(1, 3, 4)).flatten().tolist()
    return [*quarters, float(rendering.depth_m.double().mean()), float((rendering.boxes >= 0).sum())]


@pytest.mark.parametrize(("name", "index"), ROOMS_BEFORE, ids=str)
def test_rooms_are_the_same_as_before_there_were_other_kinds(name: str, index: int) -> None:
    scene = random_scene(scene_seed(0, index), 64, 48, variety={"usual": USUAL, "wide": WIDE}[name])
    assert fingerprint(scene) == pytest.approx(ROOMS_BEFORE[name, index], rel=1e-4, abs=0.02)


def test_ground_is_a_plane_to_its_end_and_all_beyond_is_sky() -> None:
    edges, skies = 0, 0
    for seed in range(24):
        scene = random_scene(seed, 96, 72, variety=OPEN)
        rendering = render([scene])
        depth, boxes = rendering.depth_m[0].numpy(), rendering.boxes[0].numpy()
        assert scene.sky is not None
        assert (depth > 0).all()
        background = (boxes < 0) & ~scene_clutter(scene, depth)
        ground = background & np.isfinite(depth)
        assert np.abs(world_points(scene, depth)[ground][:, 2]).max() < 1e-4 * depth[ground].max() + 1e-5
        # The rays that should reach the ground, in float64.
        ray, eye = rays(scene), scene.world_from_camera[:3, 3]
        with np.errstate(divide="ignore", invalid="ignore"):
            reach = np.where(ray[..., 2] < 0, -eye[2] / ray[..., 2], np.inf)
            place = eye[:2] + reach[..., None] * ray[..., :2]
        inside = (place > scene.room[0, :2]).all(-1) & (place < scene.room[1, :2]).all(-1) & (reach < scene.sky.far_m)
        assert (inside[background] != np.isfinite(depth)[background]).mean() < 0.01
        edges += bool((ray[..., 2][background & np.isinf(depth)] < -0.05).any())
        skies += bool(np.isinf(depth).any())
    assert edges > 5
    assert skies > 15


def scene_clutter(scene: Scene, depth: np.ndarray) -> np.ndarray:
    """Pixels of surfaces above the ground."""
    with np.errstate(invalid="ignore"):
        return np.isfinite(depth) & (world_points(scene, depth)[..., 2] > 1e-4 * np.where(np.isinf(depth), 0, depth))


def test_far_clip_plane_ends_a_ground_without_an_edge() -> None:
    scene = next(
        scene for scene in (random_scene(seed, 96, 72, variety=OPEN) for seed in range(60)) if scene.room[1, 0] > 1000
    )
    assert scene.sky is not None
    rows = render([replace(scene, sky=replace(scene.sky, far_m=far)) for far in (20.0, 200.0)]).depth_m
    near, far = (row[row.isfinite()] for row in rows)
    assert near.max() <= 20
    assert near.max() < far.max() <= 200
    assert len(near) <= len(far)


def test_plain_sky_has_its_colour_and_no_instance() -> None:
    blue = np.array([0.03, 0.07, 0.19])
    scene = random_scene(0, 96, 72, variety=OPEN)
    sky = Sky(SkyKind.PLAIN, blue, blue, blue)
    clean = replace(scene.sensor, exposure=1.0, blur_ratio=0.0, noise=0.0, vignette=0.0, jpeg_quality=None)
    sample = render_sample(replace(scene, sky=sky, sensor=clean))
    assert sample.depth_m is not None
    assert sample.instances is not None
    inside = np.isinf(sample.depth_m)
    inside[1:-1, 1:-1] &= inside[:-2, 1:-1] & inside[2:, 1:-1] & inside[1:-1, :-2] & inside[1:-1, 2:]
    inside[[0, -1]] = inside[:, [0, -1]] = False
    assert inside.any()
    assert np.abs(sample.image[inside] - 255 * blue ** (1 / 2.2)).max() <= 1
    assert (sample.instances[inside] == 0).all()


def test_fog_fades_far_ground_into_the_horizon_and_leaves_depth_alone() -> None:
    scene = random_scene(0, 96, 72, variety=OPEN)
    grey = np.full(3, 0.5)
    sky = Sky(SkyKind.PLAIN, grey, grey, grey, fog_per_m=50.0)
    clean = replace(scene.sensor, exposure=1.0, blur_ratio=0.0, noise=0.0, vignette=0.0, jpeg_quality=None)
    foggy = render([replace(scene, sky=sky, sensor=clean)])
    clear = render([replace(scene, sky=replace(sky, fog_per_m=0.0), sensor=clean)])
    assert torch.equal(foggy.depth_m, clear.depth_m)
    assert clear.image.double().std() > 5
    assert np.abs(foggy.image.numpy().astype(int) - round(255 * 0.5 ** (1 / 2.2))).max() <= 1


@pytest.mark.parametrize("kind", list(SkyKind), ids=lambda kind: kind.name)
def test_skies_are_finite_and_only_the_plain_one_is_of_one_colour(kind: SkyKind) -> None:
    scene = next(s for s in (random_scene(seed, 96, 72, variety=OPEN) for seed in range(200)) if s.sky.kind is kind)  # type: ignore[union-attr]
    level = np.eye(4)
    level[:3, :3] = [[0, 0, 1], [-1, 0, 0], [0, -1, 0]]
    level[:3, 3] = [0, 0, 0.5]
    clean = replace(scene.sensor, blur_ratio=0.0, noise=0.0, vignette=0.0, jpeg_quality=None)
    rendering = render([replace(scene, world_from_camera=level, sensor=clean)])
    upper = rendering.image[0, :30].numpy()
    assert torch.isinf(rendering.depth_m[0, :30]).all()
    assert (len(np.unique(upper.reshape(-1, 3), axis=0)) == 1) == (kind is SkyKind.PLAIN)


def test_objects_stand_on_a_level_with_all_of_their_base_and_never_on_the_floor_below() -> None:
    many = 0
    for seed in range(40):
        scene = random_scene(seed, 64, 48, variety=TABLE)
        assert scene.levels_m[0] == 0
        assert scene.room[0, 2] == scene.levels_m[-1] < 0
        assert scene.world_from_camera[2, 3] > scene.levels_m[-1]
        bottoms = [box.center_m[2] - box.size_m[2] / 2 for box in scene.boxes if box.parent is None]
        many += len({round(z, 6) for z in bottoms}) > 1
        for bottom in bottoms:
            assert min(abs(bottom - level) for level in scene.levels_m[:-1]) < 1e-9
        for box in scene.boxes:
            if box.parent is not None:
                parent = scene.boxes[box.parent]
                assert parent.category.endswith("_cube")
                assert box.center_m[2] - box.size_m[2] / 2 == pytest.approx(parent.center_m[2] + CUBE_EDGE_M / 2)
    assert many > 2


def test_furniture_carries_objects_and_is_no_object_itself() -> None:
    for seed in range(12):
        scene = random_scene(seed, 96, 72, variety=TABLE)
        rendering = render([scene])
        assert int(rendering.boxes.max()) < len(scene.boxes)
        for box in scene.boxes:
            if box.parent is None:  # a piece has its upper face right below the base of the box
                under = box.center_m - [0, 0, box.size_m[2] / 2 + 0.005]
                assert any(
                    (np.abs((under - piece.center_m) @ piece.world_from_box) <= piece.size_m / 2).all()
                    for piece in scene.furniture
                )


def test_floor_is_seen_below_tables_at_its_own_height() -> None:
    seen = 0
    for seed in range(16):
        scene = random_scene(seed, 96, 72, variety=TABLE)
        depth = render([scene]).depth_m[0].numpy()
        with np.errstate(invalid="ignore"):
            z = world_points(scene, depth)[..., 2][np.isfinite(depth)]
        assert z.min() > scene.levels_m[-1] - 1e-3
        seen += np.abs(z - scene.levels_m[-1]).min() < 1e-3
    assert seen > 8


def test_mixture_draws_the_scenes_of_each_kind() -> None:
    kinds = []
    for seed in range(30):
        mixed = replace(USUAL, kind="mixed")
        kind = mixed.settled(seed).kind
        kinds.append(kind)
        one, other = (random_scene(seed, 32, 24, variety=replace(USUAL, kind=k)) for k in (kind, "mixed"))
        assert np.array_equal(one.world_from_camera, other.world_from_camera)
        assert (one.sky is None) == (other.sky is None)
    assert set(kinds) == set(KINDS)
    assert min(kinds.count(kind) for kind in KINDS) >= 4


def test_batch_of_all_kinds_renders_what_each_renders_alone() -> None:
    scenes = [random_scene(5, 64, 48, variety=replace(WIDE, kind=kind)) for kind in KINDS]
    batch = render(scenes)
    for index, scene in enumerate(scenes):
        alone = render([scene])
        assert torch.equal(batch.image[index], alone.image[0])
        assert torch.equal(batch.depth_m[index], alone.depth_m[0])


def test_scaled_open_scene_is_as_much_farther() -> None:
    for variety in (OPEN, TABLE):
        scene = random_scene(3, 64, 48, variety=variety)
        usual, large = render([scene]).depth_m, render([scaled_scene(scene, 4.0)]).depth_m
        assert (usual.isinf() == large.isinf()).double().mean() > 0.995
        both = usual.isfinite() & large.isfinite()
        assert ((large / usual)[both] / 4 - 1).abs().median() < 1e-3
        assert scaled_scene(scene, 4.0).levels_m == pytest.approx([4 * level for level in scene.levels_m])


def test_unknown_kind_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=f"room, open, table, {MIXED}"):
        replace(USUAL, kind="garden")
