"""AUC of camera poses: against Depth Anything 3's own benchmark, evo, closed forms; laws and refusals."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from da3_bench import da3_bench

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.core.pose import matrix_from_pose
from unity_depth_perception.evaluation.metrics.camera_poses import (
    auc,
    binned_auc,
    depth_anything_3_pose_errors,
    pose_auc,
    relative_pose_errors,
)


def turned(axis: np.ndarray, angle_rad: float, position: np.ndarray) -> np.ndarray:
    axis = axis / np.linalg.norm(axis)
    return matrix_from_pose(list(position), [*(axis * np.sin(angle_rad / 2)), np.cos(angle_rad / 2)])


def views(count: int, seed: int, noise_deg: float = 1.0, noise_m: float = 0.02) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    true = np.stack([turned(rng.normal(size=3), rng.uniform(0, 2), rng.uniform(-1, 1, 3)) for _ in range(count)])
    noise = np.stack(
        [turned(rng.normal(size=3), np.radians(noise_deg), rng.normal(0, noise_m, 3)) for _ in range(count)]
    )
    return true @ noise, true


@pytest.mark.parametrize(("seed", "noise_deg", "noise_m"), [(0, 1, 0.02), (1, 5, 0.1), (2, 20, 0.5), (3, 0, 0)])
def test_auc_equals_that_of_depth_anything_3(seed: int, noise_deg: float, noise_m: float) -> None:
    predicted, true = views(12, seed, noise_deg, noise_m)
    with da3_bench() as bench:
        reference = bench.compute_pose(*(torch.from_numpy(np.linalg.inv(poses)) for poses in (predicted, true)))
    ours = pose_auc(predicted, true)["depth_anything_3"]
    for threshold, name in ((3, "auc03"), (5, "auc05"), (15, "auc15"), (30, "auc30")):
        assert ours[f"auc{threshold}"] == pytest.approx(float(reference[name]), abs=1e-12)


def test_reordered_views_change_the_definition_of_depth_anything_3() -> None:
    """The standard one is the same for wrong positions; where rotations err too, t_ij and t_ji differ a little."""
    order = np.random.default_rng(0).permutation(10)
    predicted, true = views(10, 4, noise_deg=0)
    one, other = pose_auc(predicted, true), pose_auc(predicted[order], true[order])
    assert one["standard"]["auc3"] == pytest.approx(other["standard"]["auc3"], abs=1e-9)
    assert abs(one["depth_anything_3"]["auc3"] - other["depth_anything_3"]["auc3"]) > 0.005

    predicted, true = views(10, 4, noise_deg=1)
    first, second = relative_pose_errors(predicted, true), relative_pose_errors(predicted[order], true[order])
    assert np.sort(first[:, 0]) == pytest.approx(np.sort(second[:, 0]), abs=1e-6)
    assert abs(first[:, 1].mean() - second[:, 1].mean()) < 0.1 * first[:, 1].mean()


def test_rotation_errors_equal_those_of_evo() -> None:
    evo_metrics = pytest.importorskip("evo.core.metrics", reason="evo is the reference of relative pose errors")
    from evo.core.trajectory import PosePath3D

    predicted, true = views(8, 5, 3)
    rpe = evo_metrics.RPE(evo_metrics.PoseRelation.rotation_angle_deg, 1, evo_metrics.Unit.frames, all_pairs=False)
    rpe.process_data((PosePath3D(poses_se3=list(true)), PosePath3D(poses_se3=list(predicted))))
    first, second = np.triu_indices(8, 1)
    assert relative_pose_errors(predicted, true)[second == first + 1, 0] == pytest.approx(rpe.error, abs=1e-6)


def test_two_views_have_the_errors_of_their_change() -> None:
    """By hand: the second camera, 1 m to the right, is turned by 4 degrees and shifted by 10 degrees of direction."""
    true = np.stack([np.eye(4), matrix_from_pose([1, 0, 0], [0, 0, 0, 1])])
    half, shift = np.radians(4) / 2, np.radians(10)
    moved = matrix_from_pose([np.cos(shift), np.sin(shift), 0], [0, 0, np.sin(half), np.cos(half)])
    errors = relative_pose_errors(np.stack([np.eye(4), moved]), true)
    assert errors[0] == pytest.approx([4, 10])
    scores = pose_auc(np.stack([np.eye(4), moved]), true)
    assert scores["standard"] == pytest.approx({"auc3": 0, "auc5": 0, "auc15": 1 - 10 / 15, "auc30": 1 - 10 / 30})


@pytest.mark.parametrize("scale", [1.0, 0.2, 7.0])
def test_another_world_and_unit_change_nothing(scale: float) -> None:
    _, true = views(6, 6)
    moved = turned(np.array([1.0, 2, 3]), 1.0, np.array([4.0, 5, 6])) @ true
    moved[:, :3, 3] *= scale
    assert relative_pose_errors(moved, true).max() < 1e-5
    assert pose_auc(moved, true)["standard"]["auc3"] == pytest.approx(1, abs=1e-5)
    assert pose_auc(moved, true)["standard_1_degree_bins"] == {"auc3": 1, "auc5": 1, "auc15": 1, "auc30": 1}


def test_reversed_translation_is_no_error_and_large_turns_are_measured() -> None:
    true = np.stack([np.eye(4), matrix_from_pose([1, 0, 0], [0, 0, 0, 1])])
    back = np.stack([np.eye(4), matrix_from_pose([-1, 0, 0], [0, 0, 1, 0])])
    assert relative_pose_errors(back, true)[0] == pytest.approx([180, 0], abs=1e-6)


def test_cameras_at_one_place_have_no_direction_of_translation() -> None:
    still = np.stack([turned(np.array([0.0, 1, 0]), angle, np.zeros(3)) for angle in (0, 0.1, 0.2)])
    moved = still.copy()
    moved[:, 0, 3] = [0, 1, 2]
    assert relative_pose_errors(moved, still)[:, 1].max() == 0
    assert relative_pose_errors(still, moved)[:, 1].min() == 90
    assert np.isfinite(depth_anything_3_pose_errors(still, still)).all()


def test_exact_and_binned_areas_equal_sums_by_hand() -> None:
    errors = np.array([0.0, 0.5, 1.5, 7.0])
    assert auc(errors, 3) == pytest.approx((1 + (1 - 0.5 / 3) + 0.5 + 0) / 4)
    assert binned_auc(errors, 3) == pytest.approx((2 / 4 + 3 / 4 + 3 / 4) / 3)


def test_exact_area_equals_that_of_scikit_learn() -> None:
    sklearn_metrics = pytest.importorskip("sklearn.metrics", reason="a second opinion on the integral by hand")
    errors = np.array([0.0, 0.5, 1.5, 7.0])
    steps = np.sort(errors[errors < 3])
    x = np.repeat([0.0, *steps, 3.0], 2)[1:-1]
    y = np.repeat(np.arange(len(steps) + 1) / len(errors), 2)
    assert auc(errors, 3) == pytest.approx(sklearn_metrics.auc(x, y) / 3)


@pytest.mark.parametrize(
    ("predicted", "true"),
    [
        (np.eye(4)[None], np.eye(4)[None]),
        (np.stack([np.eye(4)] * 2), np.stack([np.eye(4)] * 3)),
        (np.stack([np.eye(4) * 2] * 2), np.stack([np.eye(4)] * 2)),
        (np.full((2, 4, 4), np.nan), np.stack([np.eye(4)] * 2)),
    ],
    ids=["one view", "unequal numbers", "not rigid", "not a number"],
)
def test_what_is_no_set_of_poses_is_refused(predicted: np.ndarray, true: np.ndarray) -> None:
    with pytest.raises(InputError, match="expected"):
        pose_auc(predicted, true)
