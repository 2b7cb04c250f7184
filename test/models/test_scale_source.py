"""Where metres come from: each back end says it, and compact names the cube only where one is in sight."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import InputError
from unity_depth_perception.evaluation.heldout import HeldOutScenes
from unity_depth_perception.models.compact.depth import CompactDepth
from unity_depth_perception.models.floor_plane_baseline import FloorPlaneEstimator
from unity_depth_perception.models.metric_scale import DepthScale
from unity_depth_perception.models.null_models import NullDepth
from unity_depth_perception.models.protocols import DepthPrediction

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def compact() -> CompactDepth:
    return CompactDepth(CPU)


def source_of(compact: CompactDepth, image: np.ndarray, camera: Camera) -> str:
    with torch.inference_mode():
        return compact.infer(torch.from_numpy(image), camera).scale_source


def test_cube_in_sight_is_the_source_of_the_metres(compact: CompactDepth) -> None:
    scenes = HeldOutScenes(8, 4)
    with_cube = [sample for sample in scenes if any(item.category.endswith("_cube") for item in sample.objects)]
    sources = [source_of(compact, sample.image, sample.camera) for sample in with_cube]
    assert sources.count("cube") >= len(sources) - 1 > 4


def test_image_without_a_scene_is_a_guess(compact: CompactDepth) -> None:
    camera = Camera.from_vertical_fov(math.radians(60), 320, 240)
    rng = np.random.default_rng(0)
    ramp = np.broadcast_to(np.linspace(0, 255, 320, dtype=np.uint8)[None, :, None], (240, 320, 3))
    noise = rng.integers(0, 256, (240, 320, 3), dtype=np.uint8)
    for image in (np.zeros((240, 320, 3), np.uint8), np.full((240, 320, 3), 200, np.uint8), ramp.copy(), noise):
        assert source_of(compact, image, camera) == "learned"


def test_other_sources_are_named() -> None:
    camera = Camera.from_vertical_fov(1.0, 8, 6)
    image = torch.zeros((6, 8, 3), dtype=torch.uint8)
    assert NullDepth(CPU).infer(image, camera).scale_source == "none"
    assert FloorPlaneEstimator(CPU).infer(image, camera).scale_source == "learned"
    relative = DepthPrediction(torch.ones(6, 8), is_metric=False)
    scaled = DepthScale("fixed", 2.0).in_metres(relative, torch.zeros((6, 8), dtype=torch.int32), camera, None)
    assert (relative.scale_source, scaled.scale_source) == ("none", "given")
    with pytest.raises(InputError, match="expected a scale_source of cube"):
        DepthPrediction(torch.ones(6, 8), is_metric=True, scale_source="ruler")
