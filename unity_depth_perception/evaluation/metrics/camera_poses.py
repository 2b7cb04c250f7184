"""Accuracy of the camera poses of several views: AUC of relative pose errors, by two definitions that differ."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.core.pose import require_rigid

THRESHOLDS_DEG = (3, 5, 15, 30)
_LEAST_BASELINE = 1e-9  # of the longest baseline: a shorter one has no direction
_DA3_EPS = 1e-15

Matrices = NDArray[np.float64]


def pose_auc(world_from_predicted: Matrices, world_from_true: Matrices) -> dict[str, dict[str, float]]:
    """AUC of the poses of N views, 0..1, by both definitions and at 3, 5, 15 and 30 degrees.

    Args:
        world_from_predicted, world_from_true: (N, 4, 4) rigid poses of the optical frames, N >= 2; the two worlds and
            their units may differ.

    Returns:
        `standard` and `standard_1_degree_bins`: from `relative_pose_errors`, exact and in bins of 1 degree.
        `depth_anything_3`: from `depth_anything_3_pose_errors` in bins of 1 degree, as its paper's tables have it.
        Each holds `auc3`, `auc5`, `auc15`, `auc30`.

    Raises:
        InputError: fewer than two views, unequal numbers of them, or a matrix that is not rigid.
    """
    _require_views(world_from_predicted, world_from_true)
    standard = relative_pose_errors(world_from_predicted, world_from_true).max(axis=1)
    of_da3 = depth_anything_3_pose_errors(world_from_predicted, world_from_true).max(axis=1)
    return {
        "standard": {f"auc{t}": auc(standard, t) for t in THRESHOLDS_DEG},
        "standard_1_degree_bins": {f"auc{t}": binned_auc(standard, t) for t in THRESHOLDS_DEG},
        "depth_anything_3": {f"auc{t}": binned_auc(of_da3, t) for t in THRESHOLDS_DEG},
    }


def relative_pose_errors(world_from_predicted: Matrices, world_from_true: Matrices) -> NDArray[np.float64]:
    """Errors (P, 2) [deg] of the relative poses of all pairs i < j of views: rotation, and direction of translation.

    With E = inv(world_from_camera), the relative pose is E_i inv(E_j), which no choice of world changes. The rotation
    error is the angle of R inv(R_true). The translation error is the angle of the two translations, folded at 90
    degrees: their sign is not known from matched points (Yi et al. 2018; Sarlin et al. 2020, SuperGlue). Where the true
    cameras are at one place there is no direction, and the error is 0; where only the predicted ones are, it is 90.
    Directions are seen from view i: where rotations err, listing the views in another order changes them a little.
    """
    predicted, true = _relative(world_from_predicted), _relative(world_from_true)
    return np.stack([_rotation_deg(predicted, true), _direction_deg(predicted[:, :3, 3], true[:, :3, 3])], axis=1)


def depth_anything_3_pose_errors(world_from_predicted: Matrices, world_from_true: Matrices) -> NDArray[np.float64]:
    """Errors (P, 2) [deg] of all pairs of views as Depth Anything 3's benchmark computes them.

    It forms inv(E_i) E_j of world-to-camera matrices E aligned to the first view (E inv(E_0)): the relative pose
    conjugated by the views' own rotations, so that the value depends on the order of the views. A translation of length
    0, predicted or true, counts 90 degrees. Lin et al. 2025, arXiv:2511.10647; depth_anything_3/bench/utils.py, 0.1.1.
    """
    predicted, true = (_relative(np.linalg.inv(poses) @ poses[0]) for poses in (world_from_predicted, world_from_true))
    translations = predicted[:, :3, 3], true[:, :3, 3]
    unit = [t / (np.linalg.norm(t, axis=1, keepdims=True) + _DA3_EPS) for t in translations]
    sine_squared = np.maximum(1 - (unit[0] * unit[1]).sum(axis=1) ** 2, _DA3_EPS)
    return np.stack([_rotation_deg(predicted, true), np.degrees(np.arccos(np.sqrt(1 - sine_squared)))], axis=1)


def auc(errors_deg: NDArray[np.float64], threshold_deg: float) -> float:
    """Area under the curve of recall over the error, from 0 to a threshold, over the threshold: 1 for errors of 0.

    The recall is a step function, and its integral is exact: the mean of max(0, 1 - error / threshold). SuperGlue's
    pose_auc joins the steps by lines instead, which differs by less than one pair's share.
    """
    return float(np.maximum(0, 1 - errors_deg / threshold_deg).mean())


def binned_auc(errors_deg: NDArray[np.float64], threshold_deg: int) -> float:
    """The same area by bins of 1 degree: the mean recall at 1, 2 .. threshold degrees.

    So do Wang et al. 2023 (PoseDiffusion) and those who follow them. The last bin includes its upper edge, as
    numpy.histogram has it.
    """
    counts, _ = np.histogram(errors_deg, bins=np.arange(threshold_deg + 1))
    return float(np.mean(np.cumsum(counts.astype(np.float64) / len(errors_deg))))


def _relative(poses: Matrices) -> Matrices:
    """inv(M_i) M_j (P, 4, 4) of all pairs i < j of matrices (N, 4, 4)."""
    i, j = np.triu_indices(len(poses), 1)
    return np.asarray(np.linalg.inv(poses[i]) @ poses[j])


def _rotation_deg(first: Matrices, second: Matrices) -> NDArray[np.float64]:
    """Angles (P,) between rotations; exact for small and for large ones, which arccos of the trace is not."""
    turn = first[:, :3, :3] @ second[:, :3, :3].transpose(0, 2, 1)
    axis = np.stack([turn[:, 2, 1] - turn[:, 1, 2], turn[:, 0, 2] - turn[:, 2, 0], turn[:, 1, 0] - turn[:, 0, 1]])
    angle = np.arctan2(np.linalg.norm(axis, axis=0), np.trace(turn, axis1=1, axis2=2) - 1)
    return np.asarray(np.degrees(angle))


def _direction_deg(predicted: NDArray[np.float64], true: NDArray[np.float64]) -> NDArray[np.float64]:
    """Angles (P,) between translations (P, 3), folded at 90 degrees; 0 where the true one has no length."""
    lengths = [np.linalg.norm(t, axis=1) for t in (predicted, true)]
    is_point = [length <= _LEAST_BASELINE * max(float(length.max()), _LEAST_BASELINE) for length in lengths]
    across = np.linalg.norm(np.cross(predicted, true), axis=1)
    angle = np.degrees(np.arctan2(across, np.abs((predicted * true).sum(axis=1))))
    return np.where(is_point[1], 0.0, np.where(is_point[0], 90.0, angle))


def _require_views(predicted: Matrices, true: Matrices) -> None:
    if predicted.shape != true.shape or predicted.ndim != 3 or len(predicted) < 2:
        raise InputError(
            f"expected predicted and true poses (N, 4, 4) of N >= 2 views, got {predicted.shape} and {true.shape}"
        )
    for pose in (*predicted, *true):
        require_rigid(pose)
