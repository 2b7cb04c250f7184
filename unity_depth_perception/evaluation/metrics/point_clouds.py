"""Agreement of a point cloud with a true one: accuracy, completeness, precision, recall, F1."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from unity_depth_perception.core.errors import InputError


@dataclass(frozen=True)
class CloudScore:
    """Distances between two clouds.

    Attributes:
        accuracy_m: mean distance of the predicted points to the nearest true one [m] (Aanaes et al. 2016, DTU).
        completeness_m: mean distance of the true points to the nearest predicted one [m].
        chamfer_m: mean of the two; "overall" in DTU's and Depth Anything 3's benchmarks.
        precision: share of the predicted points nearer than the threshold to a true one (Knapitsch et al. 2017, Tanks
            and Temples).
        recall: share of the true points nearer than the threshold to a predicted one.
        f1: 2 precision recall / (precision + recall); 0 if both are 0.
    """

    accuracy_m: float
    completeness_m: float
    chamfer_m: float
    precision: float
    recall: float
    f1: float


def cloud_score(
    predicted: NDArray[np.floating[Any]], true: NDArray[np.floating[Any]], threshold_m: float
) -> CloudScore:
    """Score a predicted against a true cloud, both (..., 3) points [m] in one frame.

    Points that are not finite are left out. Clouds are compared as they are: thin out both by one voxel size first, or
    dense surfaces weigh more.

    Raises:
        InputError: a cloud has no finite point or another shape, or the threshold is not above 0.
    """
    if not threshold_m > 0:
        raise InputError(f"expected a threshold above 0 m, got {threshold_m}")
    found, truth = _finite(predicted, "predicted"), _finite(true, "true")
    to_truth = cKDTree(truth).query(found)[0]
    to_found = cKDTree(found).query(truth)[0]
    accuracy_m, completeness_m = float(to_truth.mean()), float(to_found.mean())
    precision, recall = float((to_truth < threshold_m).mean()), float((to_found < threshold_m).mean())
    f1 = 2 * precision * recall / (precision + recall) if precision + recall else 0.0
    return CloudScore(accuracy_m, completeness_m, (accuracy_m + completeness_m) / 2, precision, recall, f1)


def _finite(points: NDArray[np.floating[Any]], name: str) -> NDArray[np.float64]:
    if points.shape[-1:] != (3,):
        raise InputError(f"expected the {name} cloud as points (..., 3), got shape {points.shape}")
    rows: NDArray[np.float64] = points.reshape(-1, 3).astype(np.float64)
    rows = np.asarray(rows[np.isfinite(rows).all(axis=1)])
    if not len(rows):
        raise InputError(f"expected a {name} cloud with at least one finite point, got none of {points.shape}")
    return rows
