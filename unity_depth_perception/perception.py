"""The Python front door: from an image to metric depth, masks and objects in three lines.

import unity_depth_perception as udp

perception = udp.load()
result = perception("image.png", vertical_fov_deg=60)
print(result.objects)
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.camera_source import CameraSource
from unity_depth_perception.core.errors import ImageError
from unity_depth_perception.core.objects import ObjectDistance
from unity_depth_perception.dataset.files import read_image
from unity_depth_perception.export.overlay.picture import overlay_picture
from unity_depth_perception.export.result_folder import ResultFolder
from unity_depth_perception.models.registry import create_depth_estimator, create_segmenter, require_usable
from unity_depth_perception.models.runtime.device import resolve_device
from unity_depth_perception.models.runtime.options import CUBE_EDGE_M, DepthOptions
from unity_depth_perception.pipeline import Frame, PerceptionPipeline, PerceptionResult

Image = str | Path | ArrayLike | torch.Tensor


def load(
    depth_model: str = "compact",
    segmentation_model: str = "compact",
    device: str = "auto",
    cube_edge_m: float = CUBE_EDGE_M,
) -> Perception:
    """Load a depth model and a segmentation model.

    Args:
        depth_model: name of a metric depth model (`unity-depth estimate --help` lists them), or the path of weights of
            `train-depth`.
        segmentation_model: "compact", or the path of a checkpoint of `train-segmentation`.
        device: "auto", "cpu", "cuda" or "cuda:N"; "auto" takes a GPU where there is one.
        cube_edge_m: edge of the cubes in the scene [m], from which `compact` knows its metres; of no other model.

    Raises:
        ModelError: a model is unknown, its depth is not metric, or its weights cannot be obtained or loaded.
        ConfigurationError: the device is unknown or not available, or a cube's edge cannot be used.
    """
    require_usable(depth_model, segmentation_model)
    chosen = resolve_device(device, torch.cuda.is_available())
    depth_estimator = create_depth_estimator(depth_model, chosen, options=DepthOptions(cube_edge_m=cube_edge_m))
    return Perception(PerceptionPipeline(depth_estimator, create_segmenter(segmentation_model, chosen)))


class Perception:
    """Loaded models; call it on images."""

    def __init__(self, pipeline: PerceptionPipeline) -> None:
        """Wrap a pipeline that has both models; `load` makes one."""
        self.pipeline = pipeline

    def __call__(
        self,
        image: Image,
        *,
        vertical_fov_deg: float | None = None,
        intrinsics: str | Path | None = None,
        camera: Camera | None = None,
        gravity: ArrayLike | None = None,
    ) -> ImagePerception:
        """Perceive one image. Its camera is given by exactly one of `vertical_fov_deg`, `intrinsics` and `camera`.

        Args:
            image: path of an image file, or an array or tensor (H, W, 3) uint8 RGB, top row first.
            vertical_fov_deg: vertical field of view [deg] of a centred camera with square pixels.
            intrinsics: path of a camera_intrinsics.json; rescaled to the image's resolution.
            camera: intrinsics; rescaled to the image's resolution.
            gravity: (3,) direction of gravity in the optical frame (x right, y down, z forward), if known.

        Raises:
            InputError: the image, its camera or gravity cannot be used.
            ConfigurationError: not exactly one camera is given.
        """
        source = CameraSource(vertical_fov_deg=vertical_fov_deg, intrinsics=intrinsics, camera=camera)
        pixels = _pixels_of(image)
        name = Path(image).name if isinstance(image, str | Path) else "image.png"
        frame = Frame(
            pixels,
            source.camera_for(pixels.shape[1], pixels.shape[0]),
            frame_id=name,
            gravity=None if gravity is None else np.asarray(gravity, dtype=np.float64),
        )
        return ImagePerception(self.pipeline.process(frame))

    def __repr__(self) -> str:
        depth, segmentation = self.pipeline.depth_estimator, self.pipeline.segmenter
        names = ", ".join(f"{kind}={getattr(model, 'name', None)!r}" for kind, model in (
            ("depth_model", depth), ("segmentation_model", segmentation)))  # fmt: skip
        return f"Perception({names}, device='{self.pipeline.device}')"


class ImagePerception:
    """Depth, masks and objects of one image, as NumPy arrays in host memory.

    Attributes:
        result: the pipeline's own result, whose tensors are on the device.
    """

    def __init__(self, result: PerceptionResult) -> None:
        """Wrap the result of a frame with an image."""
        self.result = result

    @property
    def objects(self) -> tuple[ObjectDistance, ...]:
        """The objects: category, score, box [px], distances [m], position [m, optical frame], parent."""
        return self.result.objects

    @property
    def camera(self) -> Camera:
        """Intrinsics of the image."""
        return self.result.frame.camera

    @functools.cached_property
    def depth_m(self) -> NDArray[np.float32]:
        """(H, W) float32 planar depth [m]; NaN where it is invalid, +Inf for sky and beyond range."""
        return np.asarray(self.result.depth.depth_m.cpu().numpy())

    @functools.cached_property
    def instances(self) -> NDArray[np.uint16]:
        """(H, W) uint16 instance image: 0 is background, k is object k - 1."""
        return np.asarray(self.result.segmentation.instances.cpu().numpy().astype(np.uint16))

    @functools.cached_property
    def masks(self) -> NDArray[np.bool_]:
        """(N, H, W) bool: `masks[k]` is the mask of object k."""
        numbers = np.arange(1, len(self.objects) + 1, dtype=np.uint16)
        return np.asarray(self.instances == numbers[:, None, None])

    def overlay(self) -> NDArray[np.uint8]:
        """(H, W, 3) uint8 RGB: the image with masks, categories, distances and parents drawn over it."""
        return overlay_picture(self.result.frame.rgb, self.instances, self.objects)

    def save(self, folder: str | Path, *, overwrite: bool = False) -> None:
        """Write results.json, depth (.npy, .png), pictures and the coloured cloud (.ply), as `unity-depth estimate`.

        Raises:
            ConfigurationError: the folder holds such files already and `overwrite` is False, or cannot be written.
        """
        image = Path(self.result.frame.frame_id)
        with ResultFolder(Path(folder), [image], overwrite=overwrite) as files:
            files.add(image, self.result)

    def __repr__(self) -> str:
        found = ", ".join(f"{item.category} {item.distance.median:.3f} m" for item in self.objects)
        return f"ImagePerception({self.camera.width} x {self.camera.height} px: {found or 'no objects'})"


def _pixels_of(image: Any) -> NDArray[np.uint8]:
    """(H, W, 3) uint8 RGB of a path, an array or a tensor."""
    if isinstance(image, str | Path):
        return read_image(Path(image))
    pixels = image.detach().cpu().numpy() if isinstance(image, torch.Tensor) else np.asarray(image)
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
        raise ImageError(
            "expected an image as a path or as an array or tensor (H, W, 3) uint8 RGB, got shape "
            f"{pixels.shape} {pixels.dtype}; for example tensor.permute(1, 2, 0) or image[..., :3]"
        )
    return np.ascontiguousarray(pixels)
