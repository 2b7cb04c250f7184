"""Poses as 4 x 4 matrices `world_from_camera`, and as position and quaternion, as ROS messages and JSON hold them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.errors import InputError, shown

Matrix = NDArray[np.float64]


def matrix_from_pose(position: Sequence[float], orientation: Sequence[float]) -> Matrix:
    """(4, 4) from position [x, y, z] in metres and orientation [x, y, z, w], a quaternion of any length but zero.

    Raises:
        InputError: a number is missing, not finite or none at all, or the quaternion is zero.
    """
    p, q = _numbers(position), _numbers(orientation)
    if p.shape != (3,) or q.shape != (4,) or not (np.isfinite(p).all() and np.isfinite(q).all()):
        raise InputError(
            "expected a position of 3 and an orientation of 4 finite numbers, got "
            f"{shown(position)}, {shown(orientation)}"
        )
    norm = float(np.linalg.norm(q))
    if norm < 1e-6:
        raise InputError(f"expected an orientation quaternion [x, y, z, w] of length 1, got {orientation}")
    x, y, z, w = q / norm
    matrix = np.eye(4)
    matrix[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    matrix[:3, 3] = p
    return matrix


def _numbers(values: Sequence[float]) -> Matrix:
    """Values as an array; an empty one if they are no numbers, as a file may hold anything."""
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        return np.empty(0)


def require_rigid(matrix: Matrix) -> None:
    """Raise InputError unless a matrix is a rigid (4, 4) transform of finite numbers: a rotation and a translation."""
    r = matrix[:3, :3]
    turns = matrix.shape == (4, 4) and np.allclose(r @ r.T, np.eye(3), atol=1e-3) and np.linalg.det(r) > 0
    if not (turns and np.isfinite(matrix).all()):
        raise InputError(f"expected a rigid transform (4, 4), got {matrix.tolist()}")


def pose_from_matrix(matrix: Matrix) -> tuple[list[float], list[float]]:
    """Position [x, y, z] and quaternion [x, y, z, w], w >= 0, of a rigid (4, 4) transform.

    The quaternion is the eigenvector of Bar-Itzhack's matrix (2000), which has no singular case.
    """
    require_rigid(matrix)
    r = matrix[:3, :3]
    k = np.array(
        [
            [r[0, 0] - r[1, 1] - r[2, 2], r[1, 0] + r[0, 1], r[2, 0] + r[0, 2], r[2, 1] - r[1, 2]],
            [r[1, 0] + r[0, 1], r[1, 1] - r[0, 0] - r[2, 2], r[2, 1] + r[1, 2], r[0, 2] - r[2, 0]],
            [r[2, 0] + r[0, 2], r[2, 1] + r[1, 2], r[2, 2] - r[0, 0] - r[1, 1], r[1, 0] - r[0, 1]],
            [r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1], r[0, 0] + r[1, 1] + r[2, 2]],
        ]
    )
    quaternion = np.linalg.eigh(k)[1][:, 3]
    quaternion = quaternion if quaternion[3] >= 0 else -quaternion
    return [float(v) for v in matrix[:3, 3]], [float(v) for v in quaternion]


def look_at_pose(eye: Matrix, at: Matrix, roll_rad: float = 0.0) -> Matrix:
    """Pose `world_from_camera` (4, 4) of an optical frame at `eye` (3,) that looks at `at` (3,), in a world with z up.

    `at` is not straight above or below; the roll turns the camera about its axis.
    """
    forward = (at - eye) / np.linalg.norm(at - eye)
    right = np.cross(forward, [0.0, 0.0, 1.0])
    right /= np.linalg.norm(right)
    down = np.cross(forward, right)
    c, s = math.cos(roll_rad), math.sin(roll_rad)
    pose = np.eye(4)
    pose[:3, :4] = np.stack([c * right + s * down, c * down - s * right, forward, eye], axis=1)
    return pose


def interpolate_pose(first: Matrix, last: Matrix, share: float) -> Matrix:
    """Pose (4, 4) at `share` (0..1) of the way from one rigid transform to another.

    Linear in position and at constant angular velocity along the shorter turn (slerp; Shoemake 1985).
    """
    (p0, q0), (p1, q1) = ((np.array(v) for v in pose_from_matrix(m)) for m in (first, last))
    cosine = float(q0 @ q1)
    if cosine < 0:
        q1, cosine = -q1, -cosine
    angle = float(np.arccos(min(1.0, cosine)))
    if angle < 1e-6:
        turned = q0 + share * (q1 - q0)
    else:
        turned = (np.sin((1 - share) * angle) * q0 + np.sin(share * angle) * q1) / np.sin(angle)
    return matrix_from_pose(list(p0 + share * (p1 - p0)), list(turned))
