"""Depth models of the page: loaded once each, when they are first used, and run one image at a time."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path

from unity_depth_perception.core.camera_source import CameraSource
from unity_depth_perception.core.errors import InputError, ModelError
from unity_depth_perception.models.registry import require_usable
from unity_depth_perception.perception import ImagePerception, Perception, load
from unity_depth_perception.pipeline import Frame
from unity_depth_perception.web.uploads import UploadedImage


class PageModels:
    """The depth models that visitors may choose; others are refused, so that no visitor starts a download."""

    def __init__(self, depth_models: Sequence[str], segmentation_model: str = "compact", device: str = "auto") -> None:
        """Check the names; the first model is the page's default.

        Raises:
            ModelError: a name is unknown, or the depth of that model is not metric.
        """
        for name in depth_models:
            require_usable(name, segmentation_model)
        self.names = tuple(dict.fromkeys(depth_models))
        self._segmentation_model, self._device = segmentation_model, device
        self._loaded: dict[str, Perception] = {}
        self._lock = threading.Lock()

    def perceive(self, name: str, image: UploadedImage, cameras: CameraSource) -> ImagePerception:
        """Run a model on an image.

        Raises:
            ModelError: the page does not offer this model, or it cannot be loaded.
            InputError: the camera does not fit the image.
        """
        perception = self.load(name)
        height, width = image.pixels.shape[:2]
        camera = cameras.camera_for(width, height)
        with self._lock:
            return ImagePerception(perception.pipeline.process(Frame(image.pixels, camera, frame_id=image.name)))

    def load(self, name: str) -> Perception:
        """Load a model, unless it is loaded already; raises ModelError if that fails."""
        if name not in self.names:
            raise ModelError(f"expected one of the page's models {', '.join(self.names)}, got {name[:60]!r}")
        with self._lock:
            if name not in self._loaded:
                self._loaded[name] = load(name, self._segmentation_model, self._device)
            return self._loaded[name]


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
