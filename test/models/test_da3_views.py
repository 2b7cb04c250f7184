"""Depth Anything 3 over several views: the scale of given poses, and what cannot be related."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from da3_networks import CAMERA, CPU, SMALL, Known, nested, smooth

from unity_depth_perception.core.errors import CameraError, ConfigurationError, ImageError, InputError, ModelError
from unity_depth_perception.models.depth_anything_3.alignment import metric_scale, pose_scale
from unity_depth_perception.models.depth_anything_3.estimator import AnyViewDepth


def test_views_with_poses_have_their_scale() -> None:
    estimator = AnyViewDepth("any", CPU, Known(0.0, 90.0), SMALL)
    frames = [smooth()] * 3
    free = estimator.infer_views(frames)
    assert not free.is_metric
    poses = np.tile(np.eye(4), (3, 1, 1))
    poses[:, 1, 3] = 0, 0.5, 1.0  # downwards in steps of half a metre, where the network sees steps of two units
    result = estimator.infer_views(frames, [CAMERA] * 3, poses)
    assert result.is_metric
    torch.testing.assert_close(result.depth_m, free.depth_m / 4)
    np.testing.assert_array_equal(result.world_from_camera, poses)
    two = estimator.infer_views(frames[:2], [CAMERA] * 2, poses[:2])
    torch.testing.assert_close(two.depth_m, free.depth_m[:2] / 4)


def test_nested_views_are_in_metres_of_the_known_cameras() -> None:
    frames = [smooth()] * 2
    results = [nested(focal).infer_views(frames, [CAMERA] * 2) for focal in (80.0, 200.0)]
    torch.testing.assert_close(results[0].depth_m, results[1].depth_m)
    torch.testing.assert_close(results[0].depth_m[1], nested().infer(smooth(), CAMERA).depth_m)
    assert results[0].is_metric
    metres_per_unit = CAMERA.resized(126, 98).focal_px / 300  # both networks say the same of each pixel
    assert results[0].world_from_camera[1, 0, 3] == pytest.approx(2 * metres_per_unit)


@pytest.mark.parametrize("sky_part", [0.25, 1.0], ids=["some sky", "all sky"])
def test_nested_views_with_poses_have_the_poses_metres_and_the_sky(sky_part: float) -> None:
    poses = POSES.copy()
    poses[1, 0, 3] = 0.5  # the network sees a step of two units
    estimator = nested(sky_part=sky_part)
    result = estimator.infer_views([smooth()] * 2, [CAMERA] * 2, poses)
    np.testing.assert_array_equal(result.world_from_camera, poses)
    assert torch.isinf(result.depth_m).float().mean() == pytest.approx(sky_part, abs=0.02)
    relative = AnyViewDepth("any", CPU, Known(0.0, 100.0), SMALL).infer_views([smooth()] * 2)
    ground = torch.isfinite(result.depth_m)
    torch.testing.assert_close(result.depth_m[ground], relative.depth_m[ground] / 4)


def test_nested_views_of_nothing_but_sky_have_no_scale() -> None:
    result = nested(sky_part=1.0).infer_views([smooth()] * 2)
    assert torch.isinf(result.depth_m).all()
    assert np.isnan(result.world_from_camera[1, 0, 3])


POSES = np.tile(np.eye(4), (2, 1, 1))


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"frames": []}, ImageError, "at least one"),
        ({"frames": [smooth(), smooth(160, 90)]}, ImageError, "of one size.*2 sizes"),
        ({"frames": [smooth(), smooth(320, 240)]}, ImageError, "of one size.*2 sizes"),
        ({"cameras": [CAMERA]}, InputError, "camera for each of 2 images, got 1"),
        ({"cameras": [CAMERA.resized(80, 60)] * 2}, CameraError, "160 x 120 px like the images, got 80 x 60"),
        ({"poses": POSES}, InputError, "poses need cameras"),
        ({"cameras": [CAMERA] * 2, "poses": POSES[:1]}, InputError, r"expected poses \(2, 4, 4\), got \(1, 4, 4\)"),
        ({"cameras": [CAMERA] * 2, "poses": POSES}, InputError, "several positions"),
        ({"cameras": [CAMERA] * 2, "poses": POSES * np.nan}, InputError, "rigid transform.*nan"),
        ({"cameras": [CAMERA] * 2, "poses": POSES * 0}, InputError, "rigid transform"),
        ({"frames": [smooth()], "cameras": [CAMERA], "poses": POSES[:1]}, InputError, "two views or more"),
        ({"reference_view": "best"}, ConfigurationError, "saddle_balanced.*got 'best'"),
    ],
)
def test_views_without_a_common_scale_are_refused(
    arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    estimator = AnyViewDepth("any", CPU, Known(0.0, 90.0), SMALL)
    with pytest.raises(error, match=message):
        estimator.infer_views(**{"frames": [smooth()] * 2, **arguments})


def test_pose_scale_does_not_depend_on_the_rotation() -> None:
    rng = np.random.default_rng(0)
    given = rng.normal(size=(5, 3))
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    turn *= np.sign(np.linalg.det(turn))
    assert pose_scale(given, 7 * given @ turn.T + [1, 2, 3]) == pytest.approx(7)
    with pytest.raises(ModelError, match="at one position"):
        pose_scale(given, np.zeros((5, 3)))


@pytest.mark.parametrize("count", [11, 12])
def test_scale_is_that_of_the_half_of_higher_confidence(count: int) -> None:
    confidence = torch.arange(count, dtype=torch.float32)
    median = np.median(confidence.numpy())
    metres = torch.where(confidence >= median, 3.0, 100.0).repeat(5)
    ground = torch.zeros_like(metres)
    scale = metric_scale(torch.ones_like(metres), confidence.repeat(5), metres, ground)
    assert float(scale) == pytest.approx(3.0)
