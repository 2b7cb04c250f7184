"""Pipeline benchmark: the plain versions give the results of the pipeline."""

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.evaluation.speed.pipeline import (
    NETWORKS,
    OUTSIDE,
    STATISTICS,
    Timings,
    message_bytes,
    plain_cloud,
    plain_statistics,
    time_pipeline,
)
from unity_depth_perception.models.protocols import DepthPrediction, Segmentation
from unity_depth_perception.ops.cloud import pack_cloud
from unity_depth_perception.ops.statistics import object_statistics
from unity_depth_perception.pipeline import Frame, PerceptionPipeline

CAMERA = Camera.from_vertical_fov(math.radians(60), 80, 60)


def random_depth() -> np.ndarray:
    """Of one rough surface, without flying pixels: the plain statistics know nothing of them."""
    depth_m = np.random.default_rng(3).uniform(2.9, 3.0, (60, 80)).astype(np.float32)
    depth_m[0, :3] = np.nan, np.inf, 0.0
    return depth_m


def squares() -> np.ndarray:
    """Two squares of 225 pixels: an odd number, so that the median is one of the depths."""
    instances = np.zeros((60, 80), np.int32)
    instances[10:25, 10:25], instances[30:45, 40:55] = 1, 2
    return instances


class Wall:
    proposer = None
    name = "wall"
    device = torch.device("cpu")

    def infer(self, image: Tensor, camera: Camera, gravity: Any = None, proposals: Any = None) -> DepthPrediction:
        return DepthPrediction(torch.full(image.shape[:2], 2.0), is_metric=True)


class Squares:
    proposer = None
    name = "squares"
    device = torch.device("cpu")
    categories = ("red_cube",)

    def infer(self, image: Tensor, camera: Camera, gravity: Any = None, proposals: Any = None) -> Segmentation:
        return Segmentation(torch.from_numpy(squares()), ("red_cube", "red_cube"), (1.0, 1.0))


def test_plain_statistics_equal_those_of_the_pipeline() -> None:
    depth_m, instances = random_depth(), squares()
    plain = plain_statistics(depth_m, instances, ("red_cube", "red_cube"), CAMERA)
    fast = object_statistics(torch.from_numpy(depth_m), torch.from_numpy(instances), 2, CAMERA)
    assert len(plain) == 2
    for k, one in enumerate(plain):
        distance = one.distance
        expected = [float(v[k]) for v in (fast.mean, fast.median, fast.minimum, fast.maximum)]
        assert [distance.mean, distance.median, distance.min, distance.max] == pytest.approx(expected, rel=1e-5)
        assert one.position_m == pytest.approx(fast.position[k].tolist(), rel=1e-5)
        assert list(one.bbox) == fast.bbox[k].tolist()
        assert one.pixel_count == int(fast.pixel_count[k])


def test_plain_statistics_leave_out_an_empty_mask() -> None:
    assert plain_statistics(random_depth(), squares() * 0, ("red_cube",), CAMERA) == []


def test_plain_cloud_equals_that_of_the_pipeline() -> None:
    depth_m = random_depth()
    image = np.random.default_rng(4).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    fast = pack_cloud(torch.from_numpy(depth_m), torch.from_numpy(image), CAMERA).numpy()
    plain = np.frombuffer(plain_cloud(depth_m, image, CAMERA), np.float32).reshape(60, 80, 4)
    np.testing.assert_allclose(plain[..., :3], fast[..., :3], rtol=1e-5)
    assert (plain[..., 3].view(np.uint32) == fast[..., 3].copy().view(np.uint32)).all()


def test_message_bytes_are_those_of_the_tensor() -> None:
    values = torch.arange(6, dtype=torch.float32).reshape(2, 3)
    data = message_bytes(values)
    assert data.typecode == "B"
    assert data.tobytes() == values.numpy().tobytes()


def test_every_stage_of_every_frame_is_timed() -> None:
    frames = [Frame(np.zeros((60, 80, 3), np.uint8), CAMERA)]
    timings = time_pipeline(PerceptionPipeline(Wall(), Squares()), frames, 5)
    assert set(timings.stages) == {*NETWORKS, *OUTSIDE, STATISTICS}
    assert all(len(seconds) == 5 and min(seconds) > 0 for seconds in timings.stages.values())
    assert set(timings.references) == {STATISTICS, "cloud"}


def test_percentiles_totals_and_ratios() -> None:
    timings = Timings({"a": [0.001, 0.002, 0.009], "b": [0.001, 0.001, 0.001]}, {"a": [0.004, 0.004, 0.004]})
    assert timings.percentile_ms("a", 50) == pytest.approx(2)
    assert timings.total_ms(("a", "b"), 50) == pytest.approx(3)
    assert timings.ratio("a") == pytest.approx(2)
    assert timings.ratio("b") is None
