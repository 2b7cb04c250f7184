"""Flight through a scene's Gaussians as mp4, rendered by gsplat on a CUDA GPU."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import ConfigurationError, InputError
from unity_depth_perception.core.gaussians import Gaussians
from unity_depth_perception.core.pose import Matrix, interpolate_pose
from unity_depth_perception.export.formats.depth_video import write_video
from unity_depth_perception.export.scene import Scene
from unity_depth_perception.export.text import Picture

FRAMES_PER_VIEW = 12
_FRAMES_PER_S = 24.0
_HALF_PX = 0.5  # gsplat counts pixels from the image's corner


def require_gaussian_renderer() -> None:
    """Raise ConfigurationError where Gaussians cannot be rendered."""
    try:
        import gsplat  # noqa: F401
    except ImportError:
        missing = "the package gsplat"
    else:
        missing = "" if torch.cuda.is_available() else "a CUDA GPU"
    if missing:
        raise ConfigurationError(
            f"format gs_mp4: a video of Gaussians needs gsplat and a CUDA GPU, and {missing} is missing here; export "
            "gs_ply, which needs neither, and open it in a viewer"
        )


def write_gaussian_video(path: Path, scene: Scene, frames_per_s: float = _FRAMES_PER_S) -> None:
    """Write a video from the first view to the last one, along the shortest way between neighbours.

    Raises:
        ConfigurationError: gsplat or a GPU is missing.
        InputError: the scene has no Gaussians or no view.
    """
    require_gaussian_renderer()
    if scene.gaussians is None or not scene.views:
        raise InputError("expected a scene with Gaussians and views for a video of Gaussians")
    camera = scene.views[0].camera
    poses = list(flight([view.world_from_camera for view in scene.views], FRAMES_PER_VIEW))
    comment = json.dumps(scene.frame_description() | {"quantity": "rendered Gaussians"})
    import gsplat

    pictures = render(scene.gaussians, camera, poses, gsplat.rasterization, torch.device("cuda"))
    write_video(path, pictures, frames_per_s, comment)


def flight(poses: list[Matrix], frames_per_view: int) -> Iterator[Matrix]:
    """Poses (4, 4) from the first to the last, `frames_per_view` from each to the next."""
    for first, last in itertools.pairwise(poses):
        for frame in range(frames_per_view):
            yield interpolate_pose(first, last, frame / frames_per_view)
    yield poses[-1]


def render(
    gaussians: Gaussians, camera: Camera, poses: list[Matrix], rasterization: Callable[..., Any], device: torch.device
) -> Iterator[Picture]:
    """Render (H, W, 3) uint8 RGB pictures, black where there is nothing, by gsplat's function `rasterization`."""

    def on_device(array: Any) -> torch.Tensor:
        return torch.from_numpy(np.ascontiguousarray(array, dtype=np.float32)).to(device)

    k = camera.k
    k[:2, 2] += _HALF_PX
    splats = {
        "means": on_device(gaussians.means_m),
        "quats": on_device(gaussians.rotations),
        "scales": on_device(gaussians.scales_m),
        "opacities": on_device(gaussians.opacities),
        "colors": on_device(gaussians.harmonics.transpose(0, 2, 1)),
        "sh_degree": gaussians.degree,
    }
    for pose in poses:
        colours, _, _ = rasterization(
            **splats,
            viewmats=on_device(np.linalg.inv(pose))[None],
            Ks=on_device(k)[None],
            width=camera.width,
            height=camera.height,
        )
        yield (colours[0].clamp(0, 1) * 255).round().to(torch.uint8).cpu().numpy()
