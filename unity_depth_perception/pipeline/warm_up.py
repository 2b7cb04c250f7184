"""Preparation of a pipeline before its first frame: lazy initialisation, compilation, export to inference engines."""

from __future__ import annotations

import contextlib

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import InputError
from unity_depth_perception.models.engine.accelerated_network import exporting
from unity_depth_perception.pipeline.frame import Frame
from unity_depth_perception.pipeline.perception import PerceptionPipeline

_DEFAULT_SIZE_PX = (1024, 1024)
_CELLS = 24  # of the sample image, per side


def warm_up(pipeline: PerceptionPipeline, camera: Camera | None = None) -> None:
    """Run a sample image through the models, so that the first real one does not wait for lazy initialisation.

    Networks are compiled and exported, and CUDA graphs captured, for one image size: `camera` tells it. Without one it
    is 1024 x 1024 px. A camera of another shape lets its first frame wait for the compiler; what has to be exported for
    it runs in torch.

    Raises:
        ModelError: the models cannot work together: relative depth without a source of scale.
    """
    if pipeline.depth_estimator is None or pipeline.segmenter is None:
        return
    camera = camera or Camera.from_vertical_fov(1.0, *_DEFAULT_SIZE_PX)
    image = sample_image(camera.width, camera.height)
    with exporting(), contextlib.suppress(InputError):  # this image shows no floor, which median_to_pose asks for
        pipeline.process(Frame(image, camera))


def sample_image(width: int, height: int) -> NDArray[np.uint8]:
    """Image (height, width, 3) uint8 of random cells with smooth shading; the same each time."""
    cells = np.random.default_rng(0).integers(0, 256, (_CELLS, _CELLS, 3))
    rows, columns = (np.arange(side) * _CELLS // side for side in (height, width))
    shading = np.linspace(0.5, 1.0, width)[:, None]
    image: NDArray[np.uint8] = (cells[rows][:, columns] * shading).astype(np.uint8)
    return image
