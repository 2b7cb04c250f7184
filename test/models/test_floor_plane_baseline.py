"""The floor plane: a baseline that knows nothing but the mean camera."""

import math

import numpy as np
import pytest
import torch
from evaluation_scenes import CAMERA, CPU, make_sample

from unity_depth_perception.core.errors import DatasetError, InputError
from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.evaluation.baseline import measure_floor_plane
from unity_depth_perception.models.floor_plane_baseline import VIRTUAL_UNITY_FLOOR, FloorPlane, FloorPlaneEstimator


def test_baseline_depth_is_that_of_its_plane() -> None:
    floor = FloorPlane(height_m=0.5, pitch_rad=math.radians(30), far_m=2.0)
    depth_m = FloorPlaneEstimator(CPU, floor).infer(torch.zeros(48, 64, 3, dtype=torch.uint8), CAMERA).depth_m.numpy()
    columns, rows = np.meshgrid(np.arange(64), np.arange(48))
    points = CAMERA.unproject(np.stack([columns, rows], -1), depth_m)
    below = points[..., 1] * math.cos(floor.pitch_rad) + points[..., 2] * math.sin(floor.pitch_rad)
    near = depth_m < floor.far_m
    assert near.any()
    assert not near.all()
    assert below[near] == pytest.approx(floor.height_m, abs=1e-5)
    assert (depth_m[~near] == np.float32(floor.far_m)).all()
    assert (below[~near] < floor.height_m + 1e-5).all()


def test_measured_plane_is_the_plane_of_the_samples() -> None:
    floor = FloorPlane(0.5, math.radians(25), 3.0)
    image = torch.zeros(48, 64, 3, dtype=torch.uint8)
    depth_m = FloorPlaneEstimator(CPU, floor).infer(image, CAMERA).depth_m.numpy()
    pose = np.eye(4)
    sin, cos = math.sin(floor.pitch_rad), math.cos(floor.pitch_rad)
    pose[:3, :3] = [[1, 0, 0], [0, -sin, cos], [0, -cos, -sin]]
    pose[2, 3] = floor.height_m
    sample = Sample("a.png", image.numpy(), CAMERA, depth_m=depth_m, world_from_camera=pose)
    measured = measure_floor_plane([sample])
    assert (measured.height_m, measured.pitch_rad, measured.far_m) == pytest.approx((0.5, math.radians(25), 3.0))
    with pytest.raises(DatasetError, match="camera pose"):
        measure_floor_plane([make_sample(0)])
    with pytest.raises(DatasetError, match="horizon"):
        measure_floor_plane([])


def test_the_built_in_floor_plane_is_the_one_of_virtual_scenes() -> None:
    from unity_depth_perception.synthetic.samples import render_samples

    measured = measure_floor_plane(render_samples(range(30), width=16, height=16))
    assert measured.height_m == pytest.approx(VIRTUAL_UNITY_FLOOR.height_m, rel=0.3)
    assert measured.pitch_rad == pytest.approx(VIRTUAL_UNITY_FLOOR.pitch_rad, rel=0.3)
    assert measured.far_m == pytest.approx(VIRTUAL_UNITY_FLOOR.far_m, rel=0.4)


@pytest.mark.parametrize("values", [(0.0, 0.5, 1.0), (0.5, 2.0, 1.0), (0.5, 0.5, -1.0), (math.nan, 0.5, 1.0)])
def test_an_impossible_floor_is_refused(values: tuple[float, float, float]) -> None:
    with pytest.raises(InputError, match="height_m"):
        FloorPlane(*values)
