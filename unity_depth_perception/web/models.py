"""Depth models of the page: loaded once each, when they are first used, and used by one job at a time."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch

from unity_depth_perception.core.camera_source import CameraSource
from unity_depth_perception.core.errors import InputError, ModelError
from unity_depth_perception.models.compact.depth import CompactDepth
from unity_depth_perception.models.protocols import DepthEstimator
from unity_depth_perception.models.registry import (
    create_depth_estimator,
    is_metric,
    require_known_depth_model,
    require_usable,
)
from unity_depth_perception.models.runtime.device import resolve_device
from unity_depth_perception.models.runtime.options import CUBE_EDGE_M, require_cube_edge
from unity_depth_perception.perception import ImagePerception, Perception, load
from unity_depth_perception.pipeline import Frame
from unity_depth_perception.web.uploads import UploadedImage


class PageModels:
    """The depth models that visitors may choose; others are refused, so that no visitor starts a download.

    Attributes:
        names: models with metres for one image; the first is the page's default.
        view_names: these, and models that need several images of a scene.
    """

    def __init__(self, depth_models: Sequence[str], segmentation_model: str = "compact", device: str = "auto") -> None:
        """Check the names.

        Raises:
            ModelError: a name is unknown, or none of the models has metres for one image.
        """
        for name in depth_models:
            require_known_depth_model(name)
        self.view_names = tuple(dict.fromkeys(depth_models))
        self.names = tuple(name for name in self.view_names if is_metric(name))
        require_usable((self.names or self.view_names)[0], segmentation_model)
        self._segmentation_model, self._device = segmentation_model, device
        self._loaded: dict[str, Perception] = {}
        self._of_views: dict[str, DepthEstimator] = {}
        self._lock = threading.RLock()

    def perceive(
        self, name: str, image: UploadedImage, cameras: CameraSource, cube_edge_m: float = CUBE_EDGE_M
    ) -> ImagePerception:
        """Run a model on an image; `cube_edge_m` is the edge of the scene's cubes [m], which `compact` alone uses.

        Raises:
            ModelError: the page does not offer this model, or it cannot be loaded.
            InputError: the camera does not fit the image.
            ConfigurationError: the edge is out of range.
        """
        height, width = image.pixels.shape[:2]
        with self.use(name) as perception, _cubes(perception, cube_edge_m):
            camera = cameras.camera_for(width, height)
            return ImagePerception(perception.pipeline.process(Frame(image.pixels, camera, frame_id=image.name)))

    @contextmanager
    def use(self, name: str) -> Iterator[Perception]:
        """A loaded model for this thread alone; raises ModelError if it is not offered or cannot be loaded."""
        with self._lock:
            yield self.load(name)

    @contextmanager
    def use_for_views(self, name: str) -> Iterator[DepthEstimator]:
        """The depth model of this name for several images of a scene; raises as `use`."""
        with self._lock:
            if name in self.names:
                estimator = self.load(name).pipeline.depth_estimator
                assert estimator is not None  # for mypy
                yield estimator
                return
            self._require_offered(name, self.view_names)
            if name not in self._of_views:
                device = resolve_device(self._device, torch.cuda.is_available())
                self._of_views[name] = create_depth_estimator(name, device)
            yield self._of_views[name]

    def load(self, name: str) -> Perception:
        """Load a model, unless it is loaded already; raises ModelError if that fails."""
        self._require_offered(name, self.names)
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = load(name, self._segmentation_model, self._device)
            return self._loaded[name]

    def _require_offered(self, name: str, offered: Sequence[str]) -> None:
        if name not in offered:
            raise ModelError(f"expected one of the page's models {', '.join(offered)}, got {name[:60]!r}")


@contextmanager
def _cubes(perception: Perception, edge_m: float) -> Iterator[None]:
    """Tell the depth model the edge of the cubes for the block; raises as `PageModels.perceive`."""
    require_cube_edge(edge_m)
    estimator = perception.pipeline.depth_estimator
    if not isinstance(estimator, CompactDepth) or estimator.name != "compact":
        yield  # its metres do not come from cubes, or training has told it their edge
        return
    estimator.cube_edge_m = edge_m
    try:
        yield
    finally:
        estimator.cube_edge_m = CUBE_EDGE_M


def cameras_of(intrinsics: Path | None, vertical_fov_deg: float | None) -> CameraSource:
    """The camera of an upload: of its file if there is one, else of the field of view.

    Raises:
        InputError: the file is wrong, or the field of view is missing or not between 1 and 179 degrees.
    """
    if intrinsics is not None:
        return CameraSource(intrinsics=intrinsics)
    if vertical_fov_deg is None or not 1 <= vertical_fov_deg <= 179:
        raise InputError(
            f"expected a vertical field of view of 1 to 179 degrees, got {vertical_fov_deg}; "
            "a new camera in Unity has 60"
        )
    return CameraSource(vertical_fov_deg=float(vertical_fov_deg))
