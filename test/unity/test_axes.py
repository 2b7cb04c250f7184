"""Axis conversions of C# against rotation matrices."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from mono import Mono
from numpy.typing import NDArray

from unity_depth_perception.core.pose import matrix_from_pose

# Columns: Unity's right, up, forward in forward, left, up; a reflection, as Unity is left-handed.
FLU_FROM_UNITY = np.array([[0.0, 0.0, 1.0], [-1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
OPTICAL_FROM_UNITY = np.diag([1.0, -1.0, 1.0])


def rotation(quaternion: NDArray[np.float64]) -> NDArray[np.float64]:
    return matrix_from_pose([0, 0, 0], quaternion.tolist())[:3, :3]


def answers(mono: Mono, program: Path) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    rng = np.random.default_rng(3)
    poses = np.hstack([rng.normal(0, 10, (1000, 3)), rng.normal(0, 1, (1000, 4))])
    poses[:, 3:] /= np.linalg.norm(poses[:, 3:], axis=1, keepdims=True)
    text = "\n".join(" ".join(map(repr, map(float, pose))) for pose in poses)
    lines = mono.run(program, "axes", text=text).splitlines()
    return poses, np.array([[float(word) for word in line.split()] for line in lines])


def test_poses_are_those_of_the_rotation_matrices(mono: Mono, core_probe: Path) -> None:
    for unity, found in zip(*answers(mono, core_probe), strict=True):
        turned = FLU_FROM_UNITY @ rotation(unity[3:])  # world from camera, Unity's axes on the camera's side
        np.testing.assert_allclose(found[:3], FLU_FROM_UNITY @ unity[:3], atol=1e-12)
        np.testing.assert_allclose(rotation(found[3:7]), turned @ OPTICAL_FROM_UNITY.T, atol=1e-12)
        np.testing.assert_allclose(rotation(found[7:11]), turned @ FLU_FROM_UNITY.T, atol=1e-12)


def test_body_times_fixed_rotation_is_the_optical_frame(mono: Mono, core_probe: Path) -> None:
    fixed = rotation(np.array([-0.5, 0.5, -0.5, 0.5]))
    for found in answers(mono, core_probe)[1]:
        np.testing.assert_allclose(rotation(found[7:11]) @ fixed, rotation(found[3:7]), atol=1e-12)


def test_conversions_have_inverses(mono: Mono, core_probe: Path) -> None:
    poses, found = answers(mono, core_probe)
    np.testing.assert_allclose(found[:, 11:14], poses[:, :3], atol=1e-12)
    np.testing.assert_allclose(found[:, 14:18], poses[:, 3:], atol=1e-12)
    np.testing.assert_allclose(found[:, 18:21], poses[:, :3] * [1, -1, 1], atol=1e-12)
    np.testing.assert_allclose(found[:, 21:24], poses[:, :3], atol=1e-12)
