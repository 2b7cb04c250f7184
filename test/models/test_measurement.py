"""Depth, masks and camera related: which objects there are, how far away, and on what they stand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from known_stages import CAMERA, FlatDepth, Rectangles, frame, stacked

from unity_depth_perception.models.protocols import DepthPrediction, Segmentation
from unity_depth_perception.pipeline import Frame, PerceptionPipeline, measurement


def test_a_wholly_covered_instance_is_left_out_and_the_rest_numbered_anew() -> None:
    boxes = (("red_cube", 10, 10, 12, 12), ("blue_cube", 5, 5, 20, 20), ("green_cube", 30, 30, 40, 40))
    result = PerceptionPipeline(FlatDepth(), Rectangles(boxes)).process(frame())
    assert [(o.id, o.category, o.score) for o in result.objects] == [(0, "blue_cube", 0.8), (1, "green_cube", 0.7)]
    assert result.segmentation.categories == ("blue_cube", "green_cube")
    assert result.segmentation.instances.unique().tolist() == [0, 1, 2]
    assert int((result.segmentation.instances == 2).sum()) == result.objects[1].pixel_count == 100


def test_sky_and_holes_give_no_distance() -> None:
    result = PerceptionPipeline(FlatDepth(math.inf), Rectangles()).process(frame())
    assert all(math.isnan(o.distance.median) and math.isnan(o.range_m) and o.valid_ratio == 0 for o in result.objects)


@pytest.mark.parametrize("know_pose", [True, False])
@pytest.mark.parametrize("dtype", [torch.uint8, torch.int32])
def test_parents(know_pose: bool, dtype: torch.dtype) -> None:
    depth, owner, pose = stacked()
    segmentation = Segmentation(owner.to(dtype), ("red_cube", "blue_parallelepiped"), (1.0, 1.0))
    seen = Frame(frame().image, CAMERA, world_from_camera=pose if know_pose else None)
    result = PerceptionPipeline(None, None).process(seen, depth=DepthPrediction(depth, True), segmentation=segmentation)
    assert [o.parent_id for o in result.objects] == [None, 0]
    assert result.links[0] is None
    assert result.links[1] is not None
    assert result.links[1].score > 0.6  # pixels this coarse leave some doubt about the height


def test_support_inference_gets_the_noise_that_the_depth_model_states(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ground of the compact network's depth is exactly flat and shows no noise itself."""
    floors = []
    monkeypatch.setattr(
        measurement, "find_parents", lambda points, *rest: floors.append(rest[1]) or [None] * len(points)
    )
    pitched = np.array([[1, 0, 0, 0], [0, -0.6, 0.8, 0], [0, -0.8, -0.6, 1.0], [0, 0, 0, 1]])  # 37 degrees down
    x, y = np.meshgrid(*(np.arange(n) for n in (64, 48)))
    below = CAMERA.unproject(np.stack([x, y], axis=-1), np.ones(x.shape)) @ -pitched[2, :3]
    depth_m = torch.from_numpy(np.where(below > 0.05, 1 / below, np.inf)).float()
    for ratio in (0.0, 0.02):
        PerceptionPipeline(None, Rectangles()).process(
            replace(frame(), world_from_camera=pitched), depth=DepthPrediction(depth_m, True, scatter_ratio=ratio)
        )
    assert floors[0].noise_m < 1e-3
    assert floors[1].noise_m == pytest.approx(0.02, rel=0.01)  # the camera is one metre high
