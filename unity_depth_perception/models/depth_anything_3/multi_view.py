"""Several views of one scene with an any-view network of Depth Anything 3: consistent depth, poses, intrinsics."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import CameraError, ConfigurationError, ImageError, InputError
from unity_depth_perception.core.gaussians import Gaussians
from unity_depth_perception.core.pose import require_rigid
from unity_depth_perception.models.depth_anything_3.alignment import metres_from, metric_scale, pose_scale, with_sky
from unity_depth_perception.models.depth_anything_3.gaussians import kept_pixels, place_gaussians
from unity_depth_perception.models.depth_anything_3.network import RawDepth
from unity_depth_perception.models.protocols import ViewsPrediction
from unity_depth_perception.models.runtime.upload import upload
from unity_depth_perception.ops.resize import resize_depth, resize_map

REFERENCE_VIEWS = ("saddle_balanced", "saddle_sim_range", "first", "middle")
_MIN_BASELINE = 0.1

Matrices = NDArray[np.float64]


class ViewNetwork(Protocol):
    """Interface of DepthAnything3Network that is used for several views."""

    def __call__(self, image: Tensor) -> RawDepth: ...

    def views(self, images: Tensor, **conditions: Any) -> Any:
        """Dictionary (depth, depth_conf, extrinsics, intrinsics) for images (1, N, 3, h, w)."""
        ...


@dataclass(frozen=True)
class Views:
    """N images of one size and what is known about their cameras; validated here.

    Attributes:
        images: (N, 3, h, w) float32 network inputs, as of `network_image`.
        width, height: of the original images [px].
        cameras: intrinsics of the images, if known.
        world_from_camera: (N, 4, 4) poses, if known; only with cameras.
        use_ray_pose, reference_view, seed, gaussians: as in `AnyViewDepth.infer_views`.
    """

    images: Tensor
    width: int
    height: int
    cameras: Sequence[Camera] | None = None
    world_from_camera: Matrices | None = None
    use_ray_pose: bool = False
    reference_view: str = REFERENCE_VIEWS[0]
    seed: int = 0
    gaussians: bool = False

    def __post_init__(self) -> None:
        count = len(self.images)
        if self.reference_view not in REFERENCE_VIEWS:
            raise ConfigurationError(
                f"expected reference_view one of {', '.join(REFERENCE_VIEWS)}, got {self.reference_view!r}"
            )
        for camera in self.cameras or ():
            if (camera.width, camera.height) != (self.width, self.height):
                raise CameraError(
                    f"expected cameras of {self.width} x {self.height} px like the images, "
                    f"got {camera.width} x {camera.height}"
                )
        if self.cameras is not None and len(self.cameras) != count:
            raise InputError(f"expected a camera for each of {count} images, got {len(self.cameras)}")
        if self.world_from_camera is None:
            return
        if self.world_from_camera.shape != (count, 4, 4):
            raise InputError(f"expected poses ({count}, 4, 4), got {self.world_from_camera.shape}")
        for pose in self.world_from_camera:
            require_rigid(pose)
        if self.cameras is None:
            raise InputError("poses need cameras: expected the intrinsics of each image beside its pose, got none")
        if count < 2:
            raise InputError("poses need two views or more: a single one tells no scale; leave its pose out")

    @property
    def network_cameras(self) -> list[Camera]:
        """The cameras at the size of the network's inputs."""
        return [camera.resized(self.images.shape[3], self.images.shape[2]) for camera in self.cameras or ()]


def size_of(frames: Sequence[Tensor]) -> tuple[int, int]:
    """Common width and height [px] of images (H, W, 3).

    Raises:
        ImageError: there are none, or their sizes differ.
    """
    sizes = {tuple(frame.shape[:2]) for frame in frames}
    if len(sizes) != 1:
        raise ImageError(f"expected images of one size, at least one, got {len(frames)} of {len(sizes)} sizes")
    height, width = sizes.pop()
    return width, height


def estimate_views(views: Views, network: ViewNetwork, metric: ViewNetwork | None) -> ViewsPrediction:
    """Estimate depth and cameras of the views; in metres if there is a `metric` network (nested) or poses are given.

    Raises:
        InputError: the given poses coincide, so that they give no scale.
        ModelError: the predicted poses coincide.
    """
    out = _run(views, network)
    depth, confidence, intrinsics = out["depth"][0], out["depth_conf"][0], out["intrinsics"][0]
    predicted = poses = _inverted(out["extrinsics"][0].double().cpu().numpy())
    metres_per_unit = 1.0
    raw = [] if metric is None else [metric(image[None]) for image in views.images]
    if views.world_from_camera is not None:  # given poses take precedence over a metric network
        metres_per_unit = 1 / pose_scale(views.world_from_camera[:, :3, 3], poses[:, :3, 3])
        depth, poses = depth * metres_per_unit, views.world_from_camera
    elif raw:
        scale = _metric_scale(views, raw, depth, confidence, intrinsics)
        metres_per_unit = float(scale)
        depth, poses = depth * scale, _scaled(poses, metres_per_unit)
    if raw:
        depth = with_sky(depth, _sky(raw))
    gaussians: list[Gaussians] = []
    if views.gaussians and math.isfinite(metres_per_unit):
        kept = kept_pixels(depth)
        gaussians = place_gaussians(out["gaussians"], kept, predicted, views.world_from_camera, metres_per_unit)
    return ViewsPrediction(
        torch.stack([resize_depth(plane, views.width, views.height) for plane in depth]),
        torch.stack([resize_map(plane, views.width, views.height) for plane in confidence]),
        tuple(views.cameras) if views.cameras is not None else _cameras(intrinsics, views),
        poses,
        is_metric=metric is not None or views.world_from_camera is not None,
        gaussians=Gaussians.concatenate(gaussians) if gaussians else None,
        gaussian_counts=tuple(len(part) for part in gaussians),
    )


def _run(views: Views, network: ViewNetwork) -> Any:
    """Output of the network with seeded sampling; the global random state is left unchanged."""
    with torch.random.fork_rng(devices=[views.images.device] if views.images.is_cuda else []):
        torch.manual_seed(views.seed)
        return network.views(
            views.images[None],
            use_ray_pose=views.use_ray_pose,
            ref_view_strategy=views.reference_view,
            **({"infer_gs": True} if views.gaussians else {}),
            **_conditions(views),
        )


def _metric_scale(
    views: Views, raw: Sequence[RawDepth], depth: Tensor, confidence: Tensor, intrinsics: Tensor
) -> Tensor:
    """Metres per unit of depth (N, h, w), from the metric network's output for each view; NaN if all is sky."""
    focal_px = (intrinsics[:, 0, 0] + intrinsics[:, 1, 1]) / 2
    if views.cameras is not None:
        focal_px = upload([camera.focal_px for camera in views.network_cameras], focal_px)
    metres = metres_from(torch.stack([view.depth for view in raw]), focal_px[:, None, None])
    return metric_scale(depth, confidence, metres, _sky(raw))


def _sky(raw: Sequence[RawDepth]) -> Tensor:
    """Sky (N, h, w) of the views, predicted by the metric network."""
    return torch.stack([view.sky for view in raw if view.sky is not None])


def _scaled(poses: Matrices, factor: float) -> Matrices:
    scaled = poses.copy()
    scaled[:, :3, 3] *= factor
    return scaled


def _conditions(views: Views) -> dict[str, Tensor]:
    """Given cameras as network inputs: poses relative to the first, in units of the median distance from it."""
    if views.world_from_camera is None:
        return {}
    relative = np.linalg.inv(views.world_from_camera[0]) @ views.world_from_camera
    distances = np.sort(np.linalg.norm(relative[:, :3, 3], axis=1))
    relative[:, :3, 3] /= max(float(distances[(len(distances) - 1) // 2]), _MIN_BASELINE)  # lower median, as torch
    k = np.stack([camera.k for camera in views.network_cameras])
    k[:, :2, 2] += 0.5  # the network counts from the image's corner
    return {
        "extrinsics": torch.from_numpy(np.linalg.inv(relative))[None].to(views.images),
        "intrinsics": torch.from_numpy(k)[None].to(views.images),
    }


def _inverted(camera_from_world: Matrices) -> Matrices:
    """Inverses (N, 4, 4) of rigid transforms (N, 3 or 4, 4)."""
    full = np.tile(np.eye(4), (len(camera_from_world), 1, 1))
    full[:, :3] = camera_from_world[:, :3]
    return np.linalg.inv(full)


def _cameras(intrinsics: Tensor, views: Views) -> tuple[Camera, ...]:
    """Predicted cameras for the images' size; the network counts the principal point from the image's corner."""
    height, width = views.images.shape[2:]
    return tuple(
        Camera(width, height, k[0][0], k[1][1], k[0][2] - 0.5, k[1][2] - 0.5).resized(views.width, views.height)
        for k in intrinsics.tolist()
    )
