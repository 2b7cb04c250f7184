"""Back-projection, clouds, resizing and validity: laws of whole images."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import CameraError, ImageError, InputError
from unity_depth_perception.ops.cloud import POINT_STEP, pack_cloud
from unity_depth_perception.ops.geometry import back_project, background_points, pixel_rays
from unity_depth_perception.ops.resize import resize_depth
from unity_depth_perception.ops.validity import (
    exceeds_millimetres,
    from_millimetres,
    invalid_to_nan,
    is_valid,
    to_millimetres,
)

CPU = torch.device("cpu")
NAN, INF = math.nan, math.inf


def test_back_projection_and_projection_are_inverse() -> None:
    camera = Camera(1024, 768, 886.81, 880.0, 500.3, 390.1)
    depth = torch.rand(768, 1024, generator=torch.Generator().manual_seed(0)) * 5 + 0.2
    pixels = camera.project(back_project(depth, camera).numpy())
    v, u = np.mgrid[:768, :1024]
    assert np.abs(pixels - np.stack([u, v], axis=-1)).max() < 1e-4


def test_rays_are_points_at_depth_one() -> None:
    camera = Camera(5, 4, 10, 20, 1.5, 2.5)
    x, y = pixel_rays(camera, CPU)
    assert camera.unproject([3, 1], 1.0)[:2] == pytest.approx([x[3].item(), y[1].item()])
    assert (x.dtype, x.shape, y.shape) == (torch.float32, (5,), (4,))


def test_a_plane_resized_with_its_camera_is_the_same_plane() -> None:
    """n p = c for every point p, at every size: an image of a slanted plane, resized, stays on the plane."""
    camera = Camera.from_vertical_fov(1.0, 320, 240)
    normal, offset = torch.tensor([0.1, -0.5, 0.86]), 1.5

    def plane_depth(camera: Camera) -> torch.Tensor:
        return offset / (back_project(torch.ones(camera.height, camera.width), camera) @ normal)

    for width, height in ((160, 120), (640, 480), (333, 241)):
        resized = camera.resized(width, height)
        points = back_project(resize_depth(plane_depth(camera), width, height), resized)
        inner = points[2:-2, 2:-2]  # beyond the outermost pixel centres resizing repeats the edge
        assert (inner @ normal - offset).abs().max() < 1e-3


def test_a_camera_of_another_size_is_refused() -> None:
    with pytest.raises(CameraError, match=r"depth of the camera's 8 x 6 px, got shape \(6, 7\)"):
        back_project(torch.ones(6, 7), Camera.from_vertical_fov(1, 8, 6))


def test_background_leaves_out_objects_and_holes() -> None:
    camera = Camera.from_vertical_fov(1, 20, 10)
    depth, instances = torch.full((10, 20), 2.0), torch.zeros(10, 20, dtype=torch.uint8)
    instances[:, :5], depth[:, 5:8], depth[:, 8:10] = 1, NAN, INF
    points = background_points(depth, instances, camera)
    assert points.shape == (200, 3)
    assert int(points.isfinite().all(1).sum()) == 100
    assert background_points(depth, instances, camera, per_side=4).shape == (16, 3)


def test_cloud_decodes_as_its_pointcloud2_fields() -> None:
    camera = Camera.from_vertical_fov(1.1, 6, 4)
    depth = torch.rand(4, 6) + 0.5
    depth[0, :4] = torch.tensor([NAN, INF, 0.0, -1.0])
    image = torch.arange(72, dtype=torch.uint8).view(4, 6, 3) * 3
    data = pack_cloud(depth, image, camera).numpy().tobytes()
    assert len(data) == 4 * 6 * POINT_STEP
    fields = np.dtype([("x", "<f4"), ("y", "<f4"), ("z", "<f4"), ("rgb", "<u4")])
    cloud = np.frombuffer(data, fields).reshape(4, 6)
    assert all(np.isnan(cloud[name][0, :4]).all() for name in "xyz")
    xyz = np.stack([cloud[name] for name in "xyz"], axis=-1)
    np.testing.assert_array_equal(xyz[1:], back_project(depth, camera).numpy()[1:])
    expected = image.numpy().astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    np.testing.assert_array_equal(cloud["rgb"], expected)  # also where the point is invalid


def test_every_colour_survives_as_bits() -> None:
    """Seen as floats, colours are denormal numbers: nothing may round or flush them."""
    image = torch.tensor([[[0, 0, 0], [0, 0, 1], [255, 255, 255], [127, 128, 129]]], dtype=torch.uint8)
    cloud = pack_cloud(torch.ones(1, 4), image, Camera.from_vertical_fov(1, 4, 1))
    assert cloud.clone().view(torch.int32)[0, :, 3].tolist() == [0, 1, 0xFFFFFF, 0x7F8081]


@pytest.mark.parametrize(
    "image",
    [torch.zeros(4, 5, 3, dtype=torch.uint8), torch.zeros(4, 6, 4, dtype=torch.uint8), torch.zeros(4, 6, 3)],
    ids=["another size", "four channels", "float"],
)
def test_cloud_of_an_image_of_another_size_is_refused(image: torch.Tensor) -> None:
    with pytest.raises(ImageError, match=r"expected an image \(4, 6, 3\) uint8"):
        pack_cloud(torch.ones(4, 6), image, Camera.from_vertical_fov(1, 6, 4))


def test_valid_depth_is_finite_and_positive() -> None:
    depth = torch.tensor([NAN, INF, -INF, 0.0, -0.0, -1.0, 1e-6, 70.0])
    assert is_valid(depth).tolist() == [False] * 6 + [True] * 2
    np.testing.assert_array_equal(invalid_to_nan(depth).numpy(), np.float32([NAN, INF, NAN, NAN, NAN, NAN, 1e-6, 70.0]))


def test_millimetres_convert_to_metres_and_back() -> None:
    depth = torch.tensor([NAN, INF, -INF, 0.0, -1.0, 0.0001, 0.0014, 1.2345, 65.535, 65.536, 1e30])
    assert to_millimetres(depth).tolist() == [0, 0, 0, 0, 0, 1, 1, 1234, 65535, 0, 0]
    assert to_millimetres(depth).dtype == torch.uint16
    metres = from_millimetres(torch.tensor([0, 1, 65535], dtype=torch.int32))
    np.testing.assert_allclose(metres.numpy(), [NAN, 0.001, 65.535], rtol=1e-6)


def test_all_16_bit_values_survive_conversion_to_metres_and_back() -> None:
    every = torch.arange(65536, dtype=torch.int32)
    assert (to_millimetres(from_millimetres(every.to(torch.uint16))).to(torch.int32) == every).all()


def test_depth_exceeds_millimetres_where_it_becomes_0_although_valid() -> None:
    depth_m = torch.tensor([math.nan, math.inf, -1.0, 0.0, 1e-5, 65.535, 65.536, 1e9])
    assert exceeds_millimetres(depth_m).tolist() == [False, False, False, False, False, False, True, True]


def test_float_millimetres_are_refused() -> None:
    with pytest.raises(InputError, match="integer millimetres"):
        from_millimetres(torch.ones(3))


def test_resized_depth_invents_no_value_between_two_surfaces() -> None:
    depth = torch.full((8, 8), 2.0)
    depth[:, 3:] = 1.0
    for size in ((16, 16), (21, 13), (5, 3), (4, 8)):
        values = resize_depth(depth, *size).unique()
        assert torch.minimum((values - 1).abs(), (values - 2).abs()).max() < 1e-6
        assert values[-1] - values[0] > 0.999


def test_resized_depth_keeps_holes_and_sky_where_they_are() -> None:
    depth = torch.ones(4, 4)
    depth[0, 0], depth[3, 3] = NAN, INF
    doubled = resize_depth(depth, 8, 8)
    assert doubled[:2, :2].isnan().all()
    assert doubled[6:, 6:].isinf().all()
    assert int(doubled.isfinite().sum()) == 64 - 8
    assert doubled.nan_to_num(1, posinf=1).eq(1).all()


def test_resized_depth_is_smooth_on_one_surface() -> None:
    ramp = torch.linspace(1.0, 1.1, 11).expand(3, 11)
    doubled = resize_depth(ramp, 22, 3)[1]
    assert doubled[1:-1].diff().numpy() == pytest.approx(0.005, abs=1e-6)
    assert (doubled.min(), doubled.max()) == (ramp.min(), ramp.max())


def test_resizing_to_the_same_size_changes_nothing() -> None:
    depth = torch.rand(5, 7)
    assert resize_depth(depth, 7, 5) is depth
