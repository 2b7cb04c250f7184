"""Metres for relative depth, or a refusal."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import ConfigurationError, InputError, ModelError
from unity_depth_perception.models.floor_plane_baseline import FloorPlane, FloorPlaneEstimator
from unity_depth_perception.models.metric_scale import DepthScale
from unity_depth_perception.models.protocols import DepthPrediction, Segmentation
from unity_depth_perception.pipeline import Frame, PerceptionPipeline

CPU = torch.device("cpu")
CAMERA = Camera.from_vertical_fov(math.radians(60), 96, 72)
HEIGHT_M, PITCH_RAD = 0.8, 0.7
NOTHING = torch.zeros(72, 96, dtype=torch.uint8)


def pose(height_m: float = HEIGHT_M) -> np.ndarray:
    """world_from_camera of a camera that looks PITCH_RAD down, along the world's y."""
    c, s = math.cos(PITCH_RAD), math.sin(PITCH_RAD)
    matrix = np.eye(4)
    matrix[:3, :3] = [[1, 0, 0], [0, -s, c], [0, -c, -s]]  # columns: right, down and forward of the camera
    matrix[2, 3] = height_m
    return matrix


def floor_m() -> torch.Tensor:
    floor = FloorPlane(height_m=HEIGHT_M, pitch_rad=PITCH_RAD, far_m=50.0)
    return FloorPlaneEstimator(CPU, floor).infer(torch.zeros(72, 96, 3), CAMERA).depth_m


def relative(unit_m: float) -> DepthPrediction:
    return DepthPrediction(floor_m() / unit_m, is_metric=False)


def test_metric_depth_is_not_scaled() -> None:
    depth = DepthPrediction(floor_m(), is_metric=True)
    for scale in (DepthScale(), DepthScale("fixed", 3.0), DepthScale("median_to_pose")):
        assert scale.in_metres(depth, NOTHING, CAMERA, None) is depth


def test_relative_depth_without_a_source_is_refused_and_the_sources_are_named() -> None:
    with pytest.raises(ModelError, match=r"got relative depth.*median_to_pose or fixed"):
        DepthScale().in_metres(relative(2.0), NOTHING, CAMERA, pose())


def test_a_fixed_scale_multiplies() -> None:
    depth = DepthScale("fixed", 7.0).in_metres(relative(7.0), NOTHING, CAMERA, None)
    assert depth.is_metric
    torch.testing.assert_close(depth.depth_m, floor_m())


@pytest.mark.parametrize("unit_m", [0.02, 1.0, 30.0])
def test_floor_is_scaled_to_the_height_of_the_pose(unit_m: float) -> None:
    depth = relative(unit_m)
    depth.depth_m[30:50, 20:40] *= 0.7  # an object on the floor
    instances = NOTHING.clone()
    instances[30:50, 20:40] = 1
    scaled = DepthScale("median_to_pose").in_metres(depth, instances, CAMERA, pose())
    assert scaled.is_metric
    torch.testing.assert_close(scaled.depth_m[instances == 0], floor_m()[instances == 0], rtol=0.01, atol=0)


@pytest.mark.parametrize(
    ("depth", "world_from_camera", "message"),
    [
        (relative(1.0), None, "no camera pose; publish camera_pose"),
        (relative(1.0), pose(-0.1), r"above the floor z = 0, got z = -0\.100"),
        (DepthPrediction(torch.full((72, 96), math.inf), False), pose(), "no floor below the camera"),
    ],
    ids=["no pose", "below the floor", "all sky"],
)
def test_frame_without_scale_is_refused(
    depth: DepthPrediction, world_from_camera: np.ndarray | None, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        DepthScale("median_to_pose").in_metres(depth, NOTHING, CAMERA, world_from_camera)


@pytest.mark.parametrize("arguments", [("guess",), ("fixed", 0.0), ("fixed", math.nan), ("fixed", math.inf)])
def test_invalid_scale_is_refused(arguments: tuple[str, float]) -> None:
    with pytest.raises(ConfigurationError, match="expected"):
        DepthScale(*arguments)


def test_the_pipeline_measures_objects_in_relative_depth_that_has_a_scale() -> None:
    instances = NOTHING.clone()
    instances[40:50, 40:50] = 1
    segmentation = Segmentation(instances, ("red_cube",), (0.9,))
    frame = Frame(np.zeros((72, 96, 3), dtype=np.uint8), CAMERA, world_from_camera=pose())
    pipeline = PerceptionPipeline(None, None, scale=DepthScale("median_to_pose"))
    result = pipeline.process(frame, depth=relative(5.0), segmentation=segmentation)
    assert result.depth.is_metric
    expected_m = float(floor_m()[40:50, 40:50].median())
    assert result.objects[0].distance.median == pytest.approx(expected_m, rel=0.02)
