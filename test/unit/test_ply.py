"""Point clouds as .ply."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import plyfile
import pytest

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.export.ply import write_ply


def test_written_cloud_is_read_back_without_invalid_points(tmp_path: Path) -> None:
    points = np.array([[[0, 1, 2], [np.nan, 0, 1]], [[3, 4, np.inf], [-5, 6, 7.5]]], np.float32)  # organised: (2, 2, 3)
    colours = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    assert write_ply(tmp_path / "cloud.ply", points, colours) == 2
    vertices = plyfile.PlyData.read(str(tmp_path / "cloud.ply"))["vertex"]
    np.testing.assert_array_equal([list(v) for v in vertices], [[0, 1, 2, 0, 1, 2], [-5, 6, 7.5, 9, 10, 11]])
    assert b"format binary_little_endian 1.0" in (tmp_path / "cloud.ply").read_bytes()


def test_cloud_without_valid_points_is_empty(tmp_path: Path) -> None:
    assert write_ply(tmp_path / "empty.ply", np.full((4, 3), np.nan, np.float32), np.zeros((4, 3), np.uint8)) == 0


@pytest.mark.parametrize(
    ("points", "colours"),
    [((4, 3), (5, 3)), ((4, 2), (4, 2))],
    ids=["different lengths", "no x y z"],
)
def test_shapes_that_do_not_fit_are_refused(tmp_path: Path, points: tuple[int, ...], colours: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="expected points"):
        write_ply(tmp_path / "x.ply", np.zeros(points, np.float32), np.zeros(colours, np.uint8))
