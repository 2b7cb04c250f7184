"""Views as sources give them, and the sources that hold them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.ops.resize import resize_depth


@dataclass(frozen=True)
class InputView:
    """One image and what is known about it.

    Attributes:
        name: file name, unique in its source.
        image: (H, W, 3) uint8 RGB.
        camera: intrinsics of the image.
        world_from_camera: (4, 4) float64 pose of the optical frame.
        depth_m: (H, W) float32 planar depth [m] that the source brings: true, or estimated before.
    """

    name: str
    image: NDArray[np.uint8]
    camera: Camera | None = None
    world_from_camera: NDArray[np.float64] | None = None
    depth_m: NDArray[np.float32] | None = None

    def bounded(self, longest_px: int) -> InputView:
        """The view with its longest side reduced to `longest_px`, its camera and depth with it."""
        height, width = self.image.shape[:2]
        ratio = longest_px / max(width, height)
        if ratio >= 1:
            return self
        width, height = max(1, round(width * ratio)), max(1, round(height * ratio))
        depth = self.depth_m
        return replace(
            self,
            image=np.asarray(cv2.resize(self.image, (width, height), interpolation=cv2.INTER_AREA)),
            camera=None if self.camera is None else self.camera.resized(width, height),
            depth_m=None if depth is None else resize_depth(torch.from_numpy(depth), width, height).numpy(),
        )


@dataclass(frozen=True)
class ViewSource:
    """The views of a source in order, each read on access.

    Attributes:
        kind: images, video, dataset, bag or colmap.
        names: of the views.
        read: reads the view of an index.
        poses_in_metres: whether poses, where there are any, are in metres; those of a COLMAP model need not be.
    """

    kind: str
    names: Sequence[str]
    read: Callable[[int], InputView]
    poses_in_metres: bool = True

    def __len__(self) -> int:
        return len(self.names)

    @property
    def is_stream(self) -> bool:
        """Whether neighbouring views may be nearly the same image, as those of a video are."""
        return self.kind in ("video", "bag")
