"""Video of Gaussians: the flight and what the renderer is given. Not checked here: gsplat itself, which needs a GPU."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from export_scenes import CAMERA, gaussians, view

from unity_depth_perception.core.pose import require_rigid
from unity_depth_perception.export.formats.gaussian_video import flight, render


def test_flight_passes_every_view_at_even_steps() -> None:
    poses = [view(k).world_from_camera for k in range(3)]
    found = list(flight(poses, 4))
    assert len(found) == 9
    for pose in found:
        require_rigid(pose)
    for index, pose in enumerate(poses):
        np.testing.assert_allclose(found[4 * index], pose, atol=1e-9)
    steps = np.linalg.norm(np.diff([pose[:3, 3] for pose in found[:5]], axis=0), axis=1)
    np.testing.assert_allclose(steps, steps[0])
    assert len(list(flight(poses[:1], 4))) == 1


def test_renderer_gets_the_camera_from_the_corner_and_harmonics_by_band() -> None:
    calls: list[dict[str, Any]] = []

    def rasterization(**given: Any) -> tuple[torch.Tensor, None, None]:
        calls.append(given)
        return torch.full((1, 36, 48, 3), 0.5) * torch.tensor([1, 4, -1]), None, None

    pose = view(0).world_from_camera
    (picture,) = render(gaussians(), CAMERA, [pose], rasterization, torch.device("cpu"))
    assert picture.shape == (36, 48, 3)
    assert picture[0, 0].tolist() == [128, 255, 0]
    (given,) = calls
    assert given["Ks"][0].tolist() == [[50, 0, 23.5], [0, 52, 17.75], [0, 0, 1]]
    np.testing.assert_allclose(given["viewmats"][0], np.linalg.inv(pose), atol=1e-6)
    assert given["sh_degree"] == 2
    np.testing.assert_array_equal(given["colors"], gaussians().harmonics.transpose(0, 2, 1))
    assert given["quats"] == pytest.approx(gaussians().rotations)
    assert (given["width"], given["height"]) == (48, 36)
