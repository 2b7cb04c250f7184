"""Statistics of all objects at once, against plain NumPy on one mask at a time; overlaps of instance images."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import CameraError, InputError
from unity_depth_perception.ops.overlap import iou_matrix
from unity_depth_perception.ops.statistics import ObjectStatistics, object_statistics
from unity_depth_perception.ops.surface_extremes import edge_width

CAMERA = Camera.from_vertical_fov(1.0, 40, 30)


def random_scene(seed: int, count: int = 4) -> tuple[torch.Tensor, torch.Tensor]:
    """Depth (30, 40) with holes, and overlapping rectangles as instances."""
    rng = np.random.default_rng(seed)
    depth = rng.uniform(0.5, 3, (30, 40)).astype(np.float32)
    depth[rng.random((30, 40)) < 0.1] = rng.choice([np.nan, np.inf, 0])
    instances = np.zeros((30, 40), np.uint8)
    for k in range(count):
        y, x = rng.integers(0, 22), rng.integers(0, 30)
        instances[y : y + rng.integers(4, 9), x : x + rng.integers(4, 11)] = k + 1
    return torch.from_numpy(depth), torch.from_numpy(instances)


def single(depth: torch.Tensor, mask: torch.Tensor) -> ObjectStatistics:
    return object_statistics(depth, mask.to(torch.uint8), 1, CAMERA)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32])
def test_statistics_of_each_object_equal_plain_numpy_on_its_mask(seed: int, dtype: torch.dtype) -> None:
    depth, instances = random_scene(seed)
    s = object_statistics(depth, instances.to(dtype), 4, CAMERA)
    for k in range(4):
        mask = (instances == k + 1).numpy()
        values = depth.numpy()[mask]
        values = np.sort(values[np.isfinite(values) & (values > 0)])
        ys, xs = mask.nonzero()
        assert s.pixel_count[k] == mask.sum()
        assert s.bbox[k].tolist() == [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1]
        assert s.valid_ratio[k].item() == pytest.approx(len(values) / mask.sum())
        assert s.mean[k].item() == pytest.approx(values.mean(), rel=1e-5)
        assert s.median[k].item() == values[(len(values) - 1) // 2]
        supported = _supported(depth.numpy(), mask)
        supported = supported if len(supported) else values
        assert (s.minimum[k], s.maximum[k]) == (supported.min(), supported.max())


@pytest.mark.parametrize("corner", [(5, 9), (6, 9), (5, 10), (6, 10)])
def test_centre_does_not_depend_on_other_objects(corner: tuple[int, int]) -> None:
    """The centroid of a square of an even edge lies between pixels."""
    depth = torch.arange(1200, dtype=torch.float32).view(30, 40) + 1
    instances = torch.zeros(30, 40, dtype=torch.uint8)
    y, x = corner
    instances[y : y + 4, x : x + 4] = 1
    alone = object_statistics(depth, instances, 1, CAMERA).center[0]
    for other in ((0, 0), (1, 1), (28, 3)):
        beside = instances.clone()
        beside[other] = 2
        assert object_statistics(depth, beside, 2, CAMERA).center[0] == alone


def _supported(depth: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Depths of the mask's pixels that have a neighbour of similar depth in the mask."""
    found = []
    for y, x in np.argwhere(mask):
        z = depth[y, x]
        near = [
            depth[y + dy, x + dx]
            for dy in (-1, 0, 1)
            for dx in (-1, 0, 1)
            if (dy or dx) and 0 <= y + dy < mask.shape[0] and 0 <= x + dx < mask.shape[1] and mask[y + dy, x + dx]
        ]
        if np.isfinite(z) and z > 0 and any(abs(n - z) <= np.float32(0.06) * z for n in near):
            found.append(z)
    return np.array(found, dtype=np.float32)


def step_scene(size: int = 120) -> tuple[torch.Tensor, torch.Tensor]:
    """A tilted square, 2.0 m to 2.4 m from top to bottom, in front of a wall at 4 m; depth steps at the mask's rim."""
    depth, mask = torch.full((size, size), 4.0), torch.zeros(size, size, dtype=torch.uint8)
    mask[30:90, 40:80] = 1
    depth[30:90, 40:80] = torch.linspace(2.4, 2.0, 60)[:, None]
    return depth, mask


def blurred(depth: torch.Tensor, width_px: int) -> torch.Tensor:
    """Depth whose edges are ramps of `width_px`, as a network of lower resolution gives it."""
    padded = functional.pad(depth[None, None], (width_px // 2,) * 4, mode="replicate")
    return functional.avg_pool2d(padded, width_px, stride=1)[0, 0]


def extremes(depth: torch.Tensor, mask: torch.Tensor) -> tuple[float, float]:
    camera = Camera.from_vertical_fov(1.0, depth.shape[1], depth.shape[0])
    s = object_statistics(depth, mask, 1, camera)
    return s.minimum.item(), s.maximum.item()


def test_extremes_of_exact_depth_are_those_of_all_pixels() -> None:
    assert extremes(*step_scene()) == pytest.approx((2.0, 2.4), rel=1e-6)


@pytest.mark.parametrize("width_px", [3, 5, 9])
def test_depth_that_bleeds_over_the_rim_does_not_enter_the_extremes(width_px: int) -> None:
    depth, mask = step_scene()
    soft = blurred(depth, width_px)
    assert soft[mask > 0].max() > 2.8, "the mask's own pixels are contaminated"
    nearest, farthest = extremes(soft, mask)
    assert nearest == pytest.approx(2.0, rel=0.02)
    assert farthest == pytest.approx(2.4, rel=0.04)


def test_nearer_neighbour_that_bleeds_into_an_object_does_not_enter_its_minimum() -> None:
    depth, mask = step_scene()
    depth[60:, :40] = 1.0  # in front of the square, at its left
    assert extremes(blurred(depth, 7), mask)[0] == pytest.approx(2.0, rel=0.02)


def test_mask_that_covers_some_background_does_not_move_the_maximum() -> None:
    depth, mask = step_scene()
    mask[28:92, 38:82] = 1
    assert extremes(depth, mask)[1] == pytest.approx(2.4, rel=0.04)


@pytest.mark.parametrize("place", [(60, 60), (30, 40), (45, 79)], ids=["inside", "corner", "rim"])
@pytest.mark.parametrize("value", [1.2, 3.3])
def test_flying_pixel_does_not_enter_the_extremes(place: tuple[int, int], value: float) -> None:
    depth, mask = step_scene()
    depth[place] = value
    assert extremes(depth, mask) == pytest.approx((2.0, 2.4), rel=0.01)


@pytest.mark.parametrize("width_px", [1, 3, 5, 9])
def test_width_of_depth_edges_is_measured(width_px: int) -> None:
    depth, mask = step_scene()
    assert edge_width(blurred(depth, width_px), mask) == pytest.approx(width_px, rel=0.2)


def test_sky_behind_an_object_leaves_its_extremes() -> None:
    depth, mask = step_scene()
    depth[:30] = math.inf
    assert extremes(depth, mask) == pytest.approx((2.0, 2.4), rel=1e-6)
    assert extremes(torch.where(depth.isinf(), depth, blurred(depth.nan_to_num(posinf=4.0), 5)), mask)[1] < 2.5


def test_mask_without_inner_pixels_uses_all_its_pixels() -> None:
    depth, mask = torch.linspace(1, 2, 1200).view(30, 40), torch.zeros(30, 40)
    mask[7, 5:30] = 1
    s = single(depth, mask)
    assert (s.minimum, s.maximum) == (depth[7, 5:30].min(), depth[7, 5:30].max())
    assert not s.points.isnan().any()


@pytest.mark.parametrize(("y", "x"), [(12, 17), (0, 0), (29, 39), (0, 39)])
def test_object_of_one_pixel_is_measured(y: int, x: int) -> None:
    depth, mask = torch.full((30, 40), 5.0), torch.zeros(30, 40)
    mask[y, x], depth[y, x] = 1, 1.25
    s = single(depth, mask)
    assert s.bbox.tolist() == [[x, y, x + 1, y + 1]]
    for value in (s.center, s.mean, s.median, s.minimum, s.maximum):
        assert value.item() == 1.25
    expected = CAMERA.unproject([x, y], 1.25)
    assert s.position[0].tolist() == pytest.approx(expected.tolist(), rel=1e-6)
    assert (s.points[0] - torch.from_numpy(expected).float()).abs().max() < 1e-6


@pytest.mark.parametrize("bad", [math.nan, math.inf, 0.0, -1.0])
def test_an_object_without_valid_depth_has_no_distance(bad: float) -> None:
    depth, instances = torch.full((30, 40), bad), torch.zeros(30, 40, dtype=torch.uint8)
    instances[3:9, 3:9], instances[20:25, 20:25] = 1, 2
    depth[20:25, 20:25] = 2.0
    s = object_statistics(depth, instances, 2, CAMERA)
    for value in (s.center, s.mean, s.median, s.minimum, s.maximum):
        assert math.isnan(value[0])
        assert value[1] == 2
    assert s.position[0].isnan().all()
    assert s.points[0].isnan().all()
    assert (s.pixel_count.tolist(), s.valid_ratio.tolist()) == ([36, 25], [0, 1])


def test_object_without_a_pixel_has_no_statistics() -> None:
    instances = torch.zeros(30, 40, dtype=torch.uint8)
    instances[5:9, 5:9] = 2
    s = object_statistics(torch.ones(30, 40), instances, 3, CAMERA)
    assert s.pixel_count.tolist() == [0, 16, 0]
    assert s.bbox.tolist() == [[0, 0, 0, 0], [5, 5, 9, 9], [0, 0, 0, 0]]
    assert s.center.isnan().tolist() == [True, False, True]
    assert s.points.isnan().all(2).all(1).tolist() == [True, False, True]


@pytest.mark.parametrize("count", [0, 3])
def test_empty_image_gives_empty_statistics(count: int) -> None:
    s = object_statistics(torch.ones(30, 40), torch.zeros(30, 40, dtype=torch.uint8), count, CAMERA)
    assert s.bbox.shape == (count, 4)
    assert s.points.shape == (count, 512, 3)
    assert s.median.shape == (count,)
    assert s.median.isnan().all()


def test_the_centre_lies_inside_a_mask_whose_centroid_does_not() -> None:
    depth, mask = torch.full((30, 40), 7.0), torch.zeros(30, 40)
    mask[5:25, 5:25] = 1
    mask[5:20, 10:20] = 0  # a U around something farther away
    depth[mask > 0] = 2.0
    assert single(depth, mask).center.item() == 2.0


def test_centre_is_local_and_robust_to_an_outlier() -> None:
    depth, mask = torch.full((30, 40), 3.0), torch.zeros(30, 40)
    mask[5:26, 5:26] = 1
    depth[12:19, 12:19] = 2.0
    depth[15, 15] = 9.0
    s = single(depth, mask)
    assert (s.center.item(), s.median.item()) == (2.0, 3.0)


def test_position_is_the_median_pixel_at_the_median_depth() -> None:
    depth, mask = torch.full((30, 40), 2.0), torch.zeros(30, 40)
    mask[10:15, 20:31] = 1
    depth[10, 20:23] = 50.0
    s = single(depth, mask)
    assert s.position[0].tolist() == pytest.approx(CAMERA.unproject([25, 12], 2.0).tolist(), rel=1e-6)


def test_points_are_a_spread_sample_of_the_surface() -> None:
    depth, instances = torch.rand(30, 40) + 1, torch.zeros(30, 40, dtype=torch.uint8)
    instances[2:28, 3:35] = 1
    s = object_statistics(depth, instances, 1, CAMERA, sample_size=128)
    again = object_statistics(depth, instances, 1, CAMERA, sample_size=128)
    assert torch.equal(s.points.nan_to_num(-1), again.points.nan_to_num(-1))
    points = s.points[0][s.points[0].isfinite().all(1)]
    pixels = np.round(CAMERA.project(points.double().numpy())).astype(int)
    assert len(np.unique(pixels, axis=0)) == len(pixels) > 90  # the rest of 128 lies on the rim
    assert [depth[y, x].item() for x, y in pixels] == points[:, 2].tolist()
    assert pixels.min(axis=0).tolist() <= [8, 6]
    assert pixels.max(axis=0).tolist() >= [29, 23]
    assert (np.histogram(pixels[:, 0], 4, (3, 35))[0] > 12).all()  # not in step with the rows


def test_more_than_255_objects_are_measured() -> None:
    instances = torch.arange(1200, dtype=torch.int32).view(30, 40) + 1
    depth = torch.rand(30, 40) + 1
    s = object_statistics(depth, instances, 1200, CAMERA)
    assert torch.equal(s.median, depth.flatten())


def test_an_unknown_object_is_refused() -> None:
    instances = torch.full((30, 40), 5, dtype=torch.uint8)
    with pytest.raises(InputError, match=r"0\.\.4 for 4 objects, got 5\.\.5"):
        object_statistics(torch.ones(30, 40), instances, 4, CAMERA)


def test_pixels_of_no_object_are_refused() -> None:
    with pytest.raises(InputError, match=r"0\.\.0 for 0 objects, got 3\.\.3"):
        object_statistics(torch.ones(30, 40), torch.full((30, 40), 3, dtype=torch.uint8), 0, CAMERA)


def test_sizes_that_differ_are_refused() -> None:
    with pytest.raises(CameraError, match="instance image of the camera's 40 x 30 px"):
        object_statistics(torch.ones(30, 40), torch.zeros(30, 41, dtype=torch.uint8), 1, CAMERA)


def test_iou_of_every_pair() -> None:
    _, a = random_scene(1)
    _, b = random_scene(2, count=3)
    iou = iou_matrix(a, b.to(torch.int32), 4, 3)
    for p in range(4):
        for t in range(3):
            one, other = a == p + 1, b == t + 1
            assert iou[p, t].item() == pytest.approx(((one & other).sum() / (one | other).sum()).item())


def test_iou_of_itself_is_one_and_of_nothing_is_zero() -> None:
    _, a = random_scene(3)
    assert torch.equal(iou_matrix(a, a, 5, 5), torch.diag(torch.tensor([1.0, 1, 1, 1, 0], dtype=torch.float64)))
    assert iou_matrix(a, a * 0, 4, 0).shape == (4, 0)


def test_iou_of_mismatched_instance_images_is_refused() -> None:
    _, a = random_scene(3)
    with pytest.raises(InputError, match="one size"):
        iou_matrix(a, a[:-1], 4, 4)
    with pytest.raises(InputError, match="the true instance image holds the value 4, but there are 3"):
        iou_matrix(a, a, 4, 3)


def test_statistics_do_not_depend_on_rows_far_from_all_objects() -> None:
    depth, instances = random_scene(5)
    wide_depth, wide = torch.full((90, 120), 9.0), torch.zeros(90, 120, dtype=instances.dtype)
    rows, columns = slice(25, 25 + depth.shape[0]), slice(40, 40 + depth.shape[1])
    wide_depth[rows, columns], wide[rows, columns] = depth, instances
    near = object_statistics(depth, instances, 4, CAMERA)
    camera = Camera(120, 90, CAMERA.fx, CAMERA.fy, CAMERA.cx + 40, CAMERA.cy + 25)
    far = object_statistics(wide_depth, wide, 4, camera)
    touches = (near.bbox == torch.tensor([0, 0, CAMERA.width, CAMERA.height])).any(dim=1)  # there the border mattered
    assert not touches.all()
    for field in fields(ObjectStatistics):
        ours, theirs = getattr(far, field.name)[~touches], getattr(near, field.name)[~touches]
        if field.name == "bbox":
            theirs = theirs + torch.tensor([40, 25, 40, 25])
        assert torch.allclose(ours.double(), theirs.double(), rtol=1e-5, atol=1e-6, equal_nan=True), field.name
