"""Pictures: meaning of colours, placement of labels, inputs left unchanged."""

import math
from dataclasses import replace

import cv2
import numpy as np
import pytest

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.core.objects import DistanceStatistics, ObjectDistance
from unity_depth_perception.export.colour_scale import INFINITE_COLOUR, NAN_COLOUR, ColourScale
from unity_depth_perception.export.comparison import FrameData, comparison_picture
from unity_depth_perception.export.overlay.labels import place_labels, short_name
from unity_depth_perception.export.overlay.palette import NAMED, object_colour
from unity_depth_perception.export.overlay.picture import overlay_picture
from unity_depth_perception.export.pictures import depth_picture, error_picture
from unity_depth_perception.export.text import DARK, Rect


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


def luminance(colours: np.ndarray) -> np.ndarray:
    """(..., 3) RGB of 0..255 to relative luminance, WCAG 2.1."""
    return (np.asarray(colours, np.float64) / 255) ** 2.2 @ [0.2126, 0.7152, 0.0722]


def test_depth_colours_get_darker_with_distance_and_mark_non_finite_depth() -> None:
    depth = ramp()
    depth[0, 0], depth[0, 1] = np.nan, np.inf
    picture = depth_picture(depth)
    assert picture.dtype == np.uint8
    assert picture.shape[0] == 64
    assert picture.shape[1] > 96
    assert tuple(picture[0, 0]) == NAN_COLOUR
    assert tuple(picture[0, 1]) == INFINITE_COLOUR
    assert (np.diff(luminance(ColourScale.of_depth(0.5, 4.0).colours[::4])) < 0).all()
    assert luminance(picture[1, 0]) > luminance(picture[-1, 95]) + 0.5


def test_invalid_depth_and_sky_have_colours_of_no_depth() -> None:
    colours = ColourScale.of_depth(0.5, 4.0).colours.astype(int)
    for special in (NAN_COLOUR, INFINITE_COLOUR):
        assert np.abs(colours - special).max(axis=1).min() > 30


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


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(("width", "height", "px"), [(640, 480, 14), (1920, 1080, 24)])
def test_labels_cover_neither_objects_nor_each_other(width: int, height: int, px: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    occupied = np.zeros((height, width), bool)
    targets = []
    for _ in range(10):
        x, y = rng.uniform(0.3, 0.6, 2) * (width, height)  # a crowd, so that places beside the objects are taken
        target = Rect(int(x), int(y), int(x) + height // 10, int(y) + height // 10)
        occupied[target.y_min : target.y_max, target.x_min : target.x_max] = True
        targets.append(target)
    placed = place_labels([(10 * px, round(1.6 * px))] * len(targets), targets, occupied)
    assert sum(a.overlap(b) for k, a in enumerate(placed) for b in placed[:k]) == 0
    assert not any(occupied[b.y_min : b.y_max, b.x_min : b.x_max].any() for b in placed)
    assert all(b.x_min >= 0 and b.y_min >= 0 and b.x_max <= width and b.y_max <= height for b in placed)


def test_a_label_of_a_lonely_object_is_next_to_it() -> None:
    occupied = np.zeros((480, 640), bool)
    occupied[200:240, 300:340] = True
    (box,) = place_labels([(120, 20)], [Rect(300, 200, 340, 240)], occupied)
    assert 200 - 20 - 16 <= box.y_min < box.y_max <= 200
    assert box.x_min < 320 < box.x_max


def test_labels_of_an_image_without_a_free_place_stay_off_each_other() -> None:
    targets = [Rect(0, 0, 200, 200)] * 4
    placed = place_labels([(60, 16)] * 4, targets, np.ones((200, 200), bool))
    assert sum(a.overlap(b) for k, a in enumerate(placed) for b in placed[:k]) == 0


@pytest.mark.parametrize(
    ("category", "name"),
    [
        ("green_parallelepiped", "green block"),
        ("red_cube", "red cube"),
        ("robot", "robot"),
        ("___", "___"),
        ("a_very_long_category_of_a_dataset", "a very long category…"),
    ],
)
def test_short_names_are_the_words_of_the_category(category: str, name: str) -> None:
    assert short_name(category) == name


# Machado, Oliveira, Fernandes 2009, severity 1.0, on linear RGB.
_DEUTERANOPIA = [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
_PROTANOPIA = [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]


@pytest.mark.parametrize("vision", [np.eye(3), _DEUTERANOPIA, _PROTANOPIA], ids=["usual", "no green", "no red"])
def test_colours_of_objects_differ_for_any_colour_vision(vision: list[list[float]]) -> None:
    names = ("red", "orange", "yellow", "green", "cyan", "blue", "purple")
    linear = (np.array([NAMED[name] for name in names]) / 255) ** 2.2
    seen = (np.clip(linear @ np.transpose(vision), 0, 1) ** (1 / 2.2)) * 255
    lab = cv2.cvtColor((seen / 255).astype(np.float32)[None], cv2.COLOR_RGB2LAB)[0]
    distances = np.linalg.norm(lab[:, None] - lab[None], axis=2)[np.triu_indices(len(names), 1)]
    assert distances.min() > 12  # CIE 1976, of which 2.3 is just noticeable; saturated hues come as near as 5.4


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
