"""Virtual Unity: its ground truth must be exactly what its images show."""

import math

import numpy as np
import pytest
import torch

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.synthetic.random_scene import random_scene
from unity_depth_perception.synthetic.raycast import Hits, in_sun, pack_geometry
from unity_depth_perception.synthetic.render import render
from unity_depth_perception.synthetic.samples import render_sample, render_samples
from unity_depth_perception.synthetic.scene import CATEGORIES, COLOURS, CUBE_EDGE_M, Scene
from unity_depth_perception.synthetic.variety import WIDE

SEEDS = range(6)


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [random_scene(seed, 160, 120) for seed in SEEDS]


def world_points(scene: Scene, depth_m: torch.Tensor) -> np.ndarray:
    v, u = np.mgrid[: scene.camera.height, : scene.camera.width]
    optical = scene.camera.unproject(np.stack([u, v], axis=-1), depth_m.double().numpy())
    return optical @ scene.world_from_camera[:3, :3].T + scene.world_from_camera[:3, 3]


def test_every_pixel_lies_on_the_surface_that_it_is_labelled_with(scenes: list[Scene]) -> None:
    for scene in scenes:
        rendering = render([scene])
        points, label = world_points(scene, rendering.depth_m[0]), rendering.boxes[0].numpy()
        for index, box in enumerate(scene.boxes):
            local = (points[label == index] - box.center_m) @ box.world_from_box
            if len(local):
                to_surface = (np.abs(local) - box.size_m / 2).max(axis=1)
                assert np.abs(to_surface).max() < 1e-5
        room = points[label == -1]
        to_wall = np.minimum(np.abs(room - scene.room[0]), np.abs(room - scene.room[1])).min(axis=1)
        assert to_wall.max() < 1e-5


def test_space_in_front_of_the_visible_surface_is_free(scenes: list[Scene]) -> None:
    """Points a little nearer than the depth are in free space."""
    for scene in scenes:
        points = world_points(scene, render([scene]).depth_m[0] * 0.995)
        assert (points > scene.room[0]).all()
        assert (points < scene.room[1]).all()
        for box in scene.boxes:
            local = (points - box.center_m) @ box.world_from_box
            assert not (np.abs(local) < box.size_m / 2 - 1e-4).all(axis=-1).any()


def test_children_stand_on_their_parents_and_all_else_on_the_floor(scenes: list[Scene]) -> None:
    for scene in (random_scene(seed, 160, 120) for seed in range(40)):
        for box in scene.boxes:
            bottom = box.center_m[2] - box.size_m[2] / 2
            if box.parent is None:
                assert bottom == pytest.approx(0, abs=1e-9)
                continue
            parent = scene.boxes[box.parent]
            assert box.category.endswith("_parallelepiped")
            assert parent.category.endswith("_cube")
            assert bottom == pytest.approx(parent.center_m[2] + parent.size_m[2] / 2)
            offset = (box.center_m - parent.center_m) @ parent.world_from_box
            assert np.abs(offset[:2]).max() < CUBE_EDGE_M / 2


def test_cubes_have_the_known_edge_and_parallelepipeds_are_no_cubes() -> None:
    assert len(COLOURS) >= 6
    for seed in range(40):
        boxes = random_scene(seed, 160, 120).boxes
        assert {box.category for box in boxes} <= set(CATEGORIES)
        for box in boxes:
            if box.category.endswith("_cube"):
                assert box.size_m.tolist() == [CUBE_EDGE_M] * 3
            else:
                assert box.size_m.max() >= 1.6 * box.size_m.min()


def test_every_scene_shows_a_cube() -> None:
    for sample in render_samples(range(25), 128, 96):
        assert any(item.category.endswith("_cube") for item in sample.objects), sample.name


def test_wide_scenes_show_cubes_of_the_known_edge() -> None:
    wide = [random_scene(seed, 320, 240, variety=WIDE) for seed in range(40)]
    for scene in wide:
        sample = render_sample(scene)
        assert any(item.category.endswith("_cube") for item in sample.objects), sample.name
        for box in scene.boxes:
            if box.category.endswith("_cube"):
                assert box.size_m.tolist() == [CUBE_EDGE_M] * 3
            else:
                assert box.size_m.max() >= 1.25 * box.size_m.min()
    fields = [math.degrees(scene.camera.vertical_fov_rad) for scene in wide]
    assert min(fields) < 40
    assert max(fields) > 80
    one_colour = [len({box.category.partition("_")[0] for box in scene.boxes}) < len(scene.boxes) for scene in wide]
    assert sum(one_colour) > 20


def test_fields_of_view_span_40_to_75_degrees_unless_given() -> None:
    drawn = [math.degrees(random_scene(seed, 64, 48).camera.vertical_fov_rad) for seed in range(60)]
    assert 40 <= min(drawn) < 44
    assert 71 < max(drawn) <= 75
    assert random_scene(1, 64, 48, math.radians(60)).camera.vertical_fov_rad == pytest.approx(math.radians(60))


def test_one_seed_is_one_image() -> None:
    first, again, other = render_samples([7, 7, 8], 96, 64)
    assert np.array_equal(first.image, again.image)
    assert np.array_equal(first.depth_m, again.depth_m)
    assert not np.array_equal(first.image, other.image)


def test_a_batch_renders_what_its_scenes_render_alone(scenes: list[Scene]) -> None:
    batch = render(scenes)
    for index, scene in enumerate(scenes):
        alone = render([scene])
        assert torch.equal(batch.image[index], alone.image[0])
        assert torch.equal(batch.depth_m[index], alone.depth_m[0])
        assert torch.equal(batch.boxes[index], alone.boxes[0])


def test_depth_at_coinciding_pixel_centres_does_not_depend_on_the_image_size() -> None:
    """Depth at pixel centres that coincide: the centre of a pixel is the centre of a 3 x 3 block of pixels."""
    small, large = (render([random_scene(3, 32 * k, 24 * k, math.radians(50))]).depth_m[0] for k in (1, 3))
    assert torch.allclose(small, large[1::3, 1::3], atol=1e-5)


def test_box_casts_its_shadow_away_from_the_sun(scenes: list[Scene]) -> None:
    scene = scenes[0]
    geometry = pack_geometry([scene], torch.device("cpu"))
    box, sun = scene.boxes[0], scene.lighting.to_sun
    behind = box.center_m - sun * (box.center_m[2] / sun[2])  # on the floor, on the sun ray through the box's centre
    before = np.array([*(box.center_m + 10 * sun)[:2], 0.0])
    for point, expected in ((behind, False), (before, True)):
        optical = (point - scene.world_from_camera[:3, 3]) @ scene.world_from_camera[:3, :3]
        u, v = scene.camera.project(optical)
        hit = Hits(torch.ones(1), tensor(point)[:, None], torch.tensor([[0.0], [0.0], [1.0]]), torch.tensor([-1]))
        lit = in_sun(geometry, torch.tensor([0]), tensor([u]), tensor([v]), hit)
        assert lit.tolist() == [expected]


def tensor(values: object) -> torch.Tensor:
    return torch.as_tensor(np.asarray(values), dtype=torch.float32)


def test_samples_hold_only_visible_objects() -> None:
    for sample in render_samples(range(20), 128, 96):
        counts = np.bincount(sample.instances.ravel(), minlength=len(sample.objects) + 1)
        assert len(counts) == len(sample.objects) + 1
        assert counts[1:].min() >= 0.0004 * sample.instances.size
        assert [item.id for item in sample.objects] == list(range(len(sample.objects)))
        for item in sample.objects:
            mask = sample.instances == item.id + 1
            assert item.pixel_count == mask.sum()
            assert item.distance.median == pytest.approx(float(np.median(sample.depth_m[mask])), rel=0.01)
            assert item.parent_id is None or sample.objects[item.parent_id].category.endswith("_cube")


def test_scenes_of_different_sizes_are_refused() -> None:
    with pytest.raises(InputError, match="one image size"):
        render([random_scene(0, 32, 32), random_scene(0, 48, 32)])


@pytest.mark.gpu
def test_the_gpu_renders_what_the_cpu_renders() -> None:
    scene = random_scene(5, 320, 240)
    cpu, gpu = render_sample(scene, "cpu"), render_sample(scene, "cuda")
    assert (cpu.instances != gpu.instances).mean() < 1e-3
    same = cpu.instances == gpu.instances
    assert np.allclose(cpu.depth_m[same], gpu.depth_m[same], rtol=1e-4)
    assert np.abs(cpu.image.astype(int) - gpu.image).mean() < 1


def test_with_larger_cubes_everything_is_as_much_farther() -> None:
    usual, large = (render([random_scene(3, 64, 48, edge_m=edge_m)]) for edge_m in (0.07, 0.5))
    assert torch.equal(usual.boxes, large.boxes)
    torch.testing.assert_close(large.depth_m, usual.depth_m * (0.5 / 0.07), rtol=1e-3, atol=0)
