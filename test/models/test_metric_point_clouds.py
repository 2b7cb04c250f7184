"""Scores of point clouds, and real optics: the Middlebury motorcycle from disparity to cloud, file and metrics."""

from __future__ import annotations

import math
import types
from pathlib import Path

import numpy as np
import pytest
import torch
from da3_bench import da3_bench
from plyfile import PlyData

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import InputError
from unity_depth_perception.evaluation.metrics.depth_collection import DepthCollection
from unity_depth_perception.evaluation.metrics.point_clouds import cloud_score
from unity_depth_perception.export.ply import write_ply
from unity_depth_perception.ops.geometry import back_project


def test_scores_of_four_points_equal_those_by_hand() -> None:
    true = np.array([[0, 0, 0], [1, 0, 0], [2, 0, 0], [3, 0, 0]], dtype=float)
    predicted = np.array([[0, 0.1, 0], [1, 0, 0.3], [math.nan, 0, 0]])
    score = cloud_score(predicted, true, 0.2)
    assert score.accuracy_m == pytest.approx(0.2)
    assert score.completeness_m == pytest.approx((0.1 + 0.3 + math.hypot(1, 0.3) + math.hypot(2, 0.3)) / 4)
    assert score.chamfer_m == pytest.approx((score.accuracy_m + score.completeness_m) / 2)
    assert (score.precision, score.recall) == (0.5, 0.25)
    assert score.f1 == pytest.approx(2 * 0.5 * 0.25 / 0.75)


def test_scores_equal_those_of_depth_anything_3() -> None:
    rng = np.random.default_rng(0)
    true = rng.uniform(0, 1, (500, 3))
    predicted = true[:400] + rng.normal(0, 0.02, (400, 3))
    clouds = (types.SimpleNamespace(points=points) for points in (predicted, true))
    with da3_bench() as bench:
        reference = bench.evaluate_3d_reconstruction(*clouds, threshold=0.04)
    score = cloud_score(predicted, true, 0.04)
    names = {"acc": "accuracy_m", "comp": "completeness_m", "overall": "chamfer_m", "fscore": "f1"}
    for name, value in reference.items():
        assert getattr(score, names.get(name, name)) == pytest.approx(value, rel=1e-12)


def test_cloud_has_no_error_against_itself_and_no_f1_far_from_it() -> None:
    cloud = np.random.default_rng(1).uniform(0, 1, (30, 40, 3))
    assert cloud_score(cloud, cloud, 0.01).f1 == 1
    assert cloud_score(cloud, cloud, 0.01).chamfer_m == 0
    assert cloud_score(cloud + 10, cloud, 0.01).f1 == 0


@pytest.mark.parametrize(
    ("predicted", "threshold_m", "message"),
    [
        (np.zeros((0, 3)), 0.1, "at least one finite point"),
        (np.full((5, 3), np.nan), 0.1, "at least one finite point"),
        (np.zeros((5, 2)), 0.1, r"\(\.\.\., 3\)"),
        (np.zeros((5, 3)), 0.0, "above 0 m"),
        (np.zeros((5, 3)), math.nan, "above 0 m"),
    ],
)
def test_clouds_that_cannot_be_compared_are_refused(predicted: np.ndarray, threshold_m: float, message: str) -> None:
    with pytest.raises(InputError, match=message):
        cloud_score(predicted, np.zeros((5, 3)), threshold_m)


F_PX, BASELINE_M, OFFSET_PX = 994.978, 0.193001, 31.086
MOTORCYCLE = Camera(741, 500, F_PX, F_PX, 311.193, 254.877)


def test_real_stereo_pair_passes_through_camera_cloud_export_and_metrics(tmp_path: Path) -> None:
    """Scharstein et al. 2014, Middlebury stereo, motorcycle: z = f B / (d + doffs), as its calibration file has it."""
    data = pytest.importorskip("skimage.data", reason="scikit-image's wheel holds the Middlebury motorcycle")
    image, _, disparity = data.stereo_motorcycle()
    disparity = disparity.astype(np.float64)
    known = np.isfinite(disparity)
    depth_m = np.where(known, F_PX * BASELINE_M / (disparity + OFFSET_PX), np.nan).astype(np.float32)
    assert np.nanmin(depth_m) == pytest.approx(2.11, abs=0.01)
    assert np.nanmax(depth_m) == pytest.approx(5.02, abs=0.01)

    points = back_project(torch.from_numpy(depth_m), MOTORCYCLE).numpy()
    assert write_ply(tmp_path / "cloud.ply", points, image) == known.sum()
    vertex = PlyData.read(tmp_path / "cloud.ply")["vertex"]
    cloud = np.stack([vertex[axis] for axis in "xyz"], axis=1).astype(np.float64)

    rows, columns = np.nonzero(known)
    expected = F_PX * BASELINE_M / (disparity[known] + OFFSET_PX)
    across, down = (columns - 311.193) / F_PX * expected, (rows - 254.877) / F_PX * expected
    assert np.abs(cloud - np.stack([across, down, expected], axis=1)).max() < 1e-3 * 2.11
    # The right camera stands a baseline to the right, its principal point lies doffs further: each point is d px left.
    seen_at = F_PX * (cloud[:, 0] - BASELINE_M) / cloud[:, 2] + 311.193 + OFFSET_PX
    assert np.abs(columns - seen_at - disparity[known]).max() < 1e-3 * np.nanmin(disparity)

    wrong = np.where(known, F_PX * BASELINE_M / (disparity + 1 + OFFSET_PX), np.nan).astype(np.float32)
    collection = DepthCollection(everything=True)
    collection.add(wrong, depth_m)
    found = collection.summary()
    assert found is not None
    total = disparity[known] + OFFSET_PX
    assert found["pooled"]["raw"]["abs_rel"] == pytest.approx((1 / (total + 1)).mean(), rel=1e-3)
    rmse = math.sqrt(((expected / (total + 1)) ** 2).mean())
    assert found["pooled"]["raw"]["rmse"] == pytest.approx(rmse, rel=1e-3)
    assert found["pooled"]["affine_disparity"]["abs_rel"] < 1e-5  # one pixel of disparity is affine
    assert found["pooled"]["scale"]["abs_rel"] > 1e-4
    assert cloud_score(cloud[::50], cloud[::50], 0.01).f1 == 1
