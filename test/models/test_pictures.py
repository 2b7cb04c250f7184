"""Pictures: meaning of colours, placement of labels, inputs left unchanged."""

import math
from dataclasses import replace

import numpy as np
import pytest

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.core.objects import DistanceStatistics, ObjectDistance
from unity_depth_perception.export.colour_scale import INFINITE_COLOUR, NAN_COLOUR, ColourScale
from unity_depth_perception.export.comparison import FrameData, comparison_picture
from unity_depth_perception.export.pictures import depth_picture, error_picture, object_colour, overlay_picture
from unity_depth_perception.export.text import DARK, Rect, place_labels


def ramp(height: int = 64, width: int = 96) -> np.ndarray:
    return np.linspace(0.5, 4.0, height * width, dtype=np.float32).reshape(height, width)


def scene(height: int = 200, width: int = 240) -> tuple[np.ndarray, np.ndarray, tuple[ObjectDistance, ...]]:
    """A grey image with a red cube (id 0) that carries a blue parallelepiped (id 1)."""
    instances = np.zeros((height, width), dtype=np.uint16)
    instances[100:140, 80:120], instances[50:100, 90:110] = 1, 2
    objects = (
        ObjectDistance(0, "red_cube", (80, 100, 120, 140), DistanceStatistics(median=0.83)),
        ObjectDistance(1, "blue_parallelepiped", (90, 50, 110, 100), DistanceStatistics(center=0.8), parent_id=0),
    )
    return np.full((height, width, 3), 127, dtype=np.uint8), instances, objects


def test_depth_colours_go_from_red_to_blue_and_mark_non_finite_depth() -> None:
    depth = ramp()
    depth[0, 0], depth[0, 1] = np.nan, np.inf
    picture = depth_picture(depth)
    assert picture.dtype == np.uint8
    assert picture.shape[0] == 64
    assert picture.shape[1] > 96
    assert tuple(picture[0, 0]) == NAN_COLOUR
    assert tuple(picture[0, 1]) == INFINITE_COLOUR
    near, far = picture[1, 0].astype(int), picture[-1, 95].astype(int)
    assert near[0] > near[2]
    assert far[2] > far[0]


def test_one_depth_has_one_colour_in_every_picture_of_the_same_range() -> None:
    first = depth_picture(np.full((40, 40), 1.5, np.float32), near_m=0.5, far_m=4.0)
    second = depth_picture(ramp(40, 40) * 0 + 1.5, near_m=0.5, far_m=4.0)
    beyond = depth_picture(np.full((40, 40), 99.0, np.float32), near_m=0.5, far_m=4.0)
    end = depth_picture(np.full((40, 40), 4.0, np.float32), near_m=0.5, far_m=4.0)
    assert (first == second).all()
    assert (beyond == end).all()
    assert not (first == end).all()


@pytest.mark.parametrize("value", [np.nan, np.inf, 0.0, 2.0], ids=["all NaN", "all sky", "all zero", "constant"])
def test_depth_without_a_range_gives_a_picture(value: float) -> None:
    assert depth_picture(np.full((30, 50), value, np.float32)).shape[0] == 30


def test_one_bound_of_the_depth_range_is_enough() -> None:
    assert depth_picture(ramp(), near_m=9.0).shape[0] == 64  # nearer than everything
    assert depth_picture(ramp(), far_m=0.1).shape[0] == 64


@pytest.mark.parametrize(("near", "far"), [(2.0, 1.0), (1.0, 1.0), (0.0, 1.0), (-1.0, 1.0), (math.nan, 1.0)])
def test_an_impossible_range_is_refused(near: float, far: float) -> None:
    with pytest.raises(InputError, match="colour range"):
        depth_picture(ramp(), near_m=near, far_m=far)


@pytest.mark.parametrize("shape", [(4, 4, 1), (16,), (0, 4)])
def test_depth_of_another_shape_is_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"depth image \(H, W\)"):
        depth_picture(np.zeros(shape, np.float32))


def test_errors_are_white_at_zero_red_if_too_far_and_blue_if_too_near() -> None:
    truth = np.full((60, 60), 2.0, np.float32)
    factor = np.ones_like(truth)
    factor[:, 20:40], factor[:, 40:] = 1.2, 0.8
    truth[0, 0] = np.inf
    picture = error_picture(2 * factor, truth).astype(int)
    assert picture[30, 5].min() > 235
    assert picture[30, 30, 0] > picture[30, 30, 2] + 50
    assert picture[30, 50, 2] > picture[30, 50, 0] + 50
    assert tuple(picture[0, 0]) == NAN_COLOUR
    with pytest.raises(InputError, match="one size"):
        error_picture(truth, truth[1:])


@pytest.mark.parametrize(("low", "high"), [(0.61, 6.3), (0.1, 100.0), (0.95, 1.02), (3.0, 3.03)])
def test_ticks_are_round_numbers_within_the_scale_and_spaced(low: float, high: float) -> None:
    scale = ColourScale.of_depth(low, high)
    ticks = scale.ticks(min_spacing=0.1)
    assert len(ticks) >= 2
    assert low * 0.999 <= ticks[0]
    assert ticks[-1] <= high * 1.001
    assert np.diff(scale.position(np.array(ticks, np.float32))).min() >= 0.1
    assert scale.position(np.array([low, high], np.float32)) == pytest.approx([0, 1], abs=1e-3)


def test_overlay_draws_on_a_copy_and_only_near_objects() -> None:
    image, instances, objects = scene()
    before = image.copy()
    picture = overlay_picture(image, instances, objects)
    assert (image == before).all()
    assert (picture[120, 100] != 127).any()
    assert (picture[-5:] == 127).all()
    assert (overlay_picture(image, instances * 0, ()) == image).all()


def test_overlay_uses_the_colour_of_the_category() -> None:
    image, instances, objects = scene()
    picture = overlay_picture(image, instances, objects).astype(int)
    assert picture[135, 85, 0] > picture[135, 85, 2] + 20  # red cube, away from arrow and rim
    assert object_colour(objects[0]) != object_colour(objects[1])
    nameless = [ObjectDistance(k, "robot", (0, 0, 1, 1)) for k in range(3)]
    assert len({object_colour(item) for item in nameless}) == 3


def test_label_of_an_object_without_distance_is_its_category() -> None:
    image, instances, (cube, _) = scene()
    widths = []
    for item in (cube, replace(cube, distance=DistanceStatistics())):
        changed = (overlay_picture(image, instances, (item,)) != image).any(axis=(0, 2))
        widths.append(int(changed.sum()))
    assert widths[1] < widths[0]


def test_overlay_draws_a_link_only_to_an_object_of_the_same_image() -> None:
    image, instances, (cube, tower) = scene()
    linked = overlay_picture(image, instances, (cube, tower))
    free = overlay_picture(image, instances, (cube, replace(tower, parent_id=None)))
    dangling = overlay_picture(image, instances, (cube, replace(tower, parent_id=7)))
    assert (linked != free).any()
    assert (dangling == free).all()


@pytest.mark.parametrize("size", [(8, 8), (16, 400), (400, 16)])
def test_overlay_of_a_small_image_fits_a_long_label(size: tuple[int, int]) -> None:
    instances = np.zeros(size, np.uint16)
    instances[2:5, 2:5] = 1
    item = ObjectDistance(0, "green_parallelepiped", (2, 2, 5, 5))
    assert overlay_picture(np.zeros((*size, 3), np.uint8), instances, (item,)).shape == (*size, 3)


def test_overlay_refuses_instances_of_another_size() -> None:
    image, instances, objects = scene()
    with pytest.raises(InputError, match="size"):
        overlay_picture(image, instances[:-1], objects)


def test_labels_of_neighbours_stay_inside_without_overlap() -> None:
    targets = [Rect(x, y, x + 30, y + 30) for x in (0, 40, 300, 370) for y in (0, 100, 370)]
    placed = place_labels([(120, 16)] * len(targets), targets, np.zeros((400, 400), bool))
    assert sum(a.overlap(b) for k, a in enumerate(placed) for b in placed[:k]) == 0
    assert all(b.x_min >= 0 and b.y_min >= 0 and b.x_max <= 400 and b.y_max <= 400 for b in placed)


def test_comparison_shows_truth_and_error_if_known() -> None:
    image, instances, objects = scene()
    depth = ramp(200, 240)
    predicted = FrameData(instances, objects, depth, {1: "wrong parent"})
    alone = comparison_picture(image, predicted, FrameData(None, (), None), panel_height=100)
    with_depth = comparison_picture(image, predicted, FrameData(None, (), depth * 1.1), panel_height=100)
    full = comparison_picture(image, predicted, FrameData(instances, objects, depth * 1.1), panel_height=100)
    assert alone.shape[0] == with_depth.shape[0] == full.shape[0] == 2 * 120
    assert with_depth.shape[1] > 1.4 * alone.shape[1]
    assert (with_depth[:120, -90:] == DARK).all()  # no panel of true objects
    assert not (full[:120, -90:] == DARK).all()


def test_comparison_of_a_small_image_is_as_large_and_legible_as_of_a_large_one() -> None:
    """The same scene with every fourth pixel: panels, labels and boxes are where they were."""
    image, instances, objects = scene(480, 640)
    small = tuple(replace(item, bbox=tuple(side // 4 for side in item.bbox)) for item in objects)
    pictures = []
    for step, items in ((1, objects), (4, small)):
        view = FrameData(instances[::step, ::step], items, None)
        pictures.append(comparison_picture(image[::step, ::step], view, view).astype(int))
    assert pictures[0].shape == pictures[1].shape
    different = np.abs(pictures[0] - pictures[1]).max(axis=2) > 30
    assert different.mean() < 0.012  # 0.026 with labels as small as the image


def test_a_noted_object_has_a_red_label_and_the_others_keep_theirs() -> None:
    image, instances, objects = scene()
    plain = overlay_picture(image, instances, objects)
    noted = overlay_picture(image, instances, objects, notes={1: "missed"})
    changed = (plain != noted).any(axis=2)
    assert changed.any()
    redder = noted[changed].astype(int)
    assert (redder[:, 0] > redder[:, 2]).mean() > 0.7
    assert np.array_equal(plain, overlay_picture(image, instances, objects, notes={7: "nobody"}))
