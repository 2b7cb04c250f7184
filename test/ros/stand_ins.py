"""Test doubles: small depth and segmentation models, and messages of a small image, for the tests of the ROS side."""

from __future__ import annotations

import threading

import cv2
import numpy as np
import torch
from known_stages import RefusingPoses
from sensor_msgs.msg import CameraInfo, CompressedImage, Image
from std_msgs.msg import Header
from torch import Tensor

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.models.object_proposals import Gravity, PromisedProposals
from unity_depth_perception.models.protocols import DepthPrediction, Segmentation
from unity_depth_perception.pipeline import PerceptionPipeline
from unity_depth_perception.pipeline.warm_up import sample_image
from unity_depth_perception.ros.conversions.camera_info import camera_info_message
from unity_depth_perception.ros.conversions.headers import time_message
from unity_depth_perception.ros.conversions.images import image_message

WIDTH, HEIGHT, DEPTH_M = 64, 48, 2.0
FRAME_ID = "unity_camera_optical"
CPU = torch.device("cpu")


def is_warm_up(image: Tensor) -> bool:
    """Whether an image (H, W, 3) is the one that prepares a pipeline."""
    return torch.equal(image, torch.from_numpy(sample_image(image.shape[1], image.shape[0])))


class ConstantDepth:
    """The same depth in every pixel. With a `gate`, each frame but that of the warm-up waits for the semaphore."""

    name = "plane"
    proposer = None
    device = CPU

    def __init__(self, gate: threading.Semaphore | None = None) -> None:
        self._gate = gate

    def infer(
        self, image: Tensor, camera: Camera, gravity: Gravity | None = None, proposals: PromisedProposals | None = None
    ) -> DepthPrediction:
        if self._gate is not None and not is_warm_up(image):
            assert self._gate.acquire(timeout=20)
        return DepthPrediction(torch.full(image.shape[:2], DEPTH_M), is_metric=True)


class OutOfMemoryDepth(ConstantDepth):
    """Raises out of GPU memory for frames of `too_large` pixels or more."""

    def __init__(self, too_large: int) -> None:
        super().__init__()
        self._too_large = too_large

    def infer(
        self, image: Tensor, camera: Camera, gravity: Gravity | None = None, proposals: PromisedProposals | None = None
    ) -> DepthPrediction:
        if image.shape[0] * image.shape[1] >= self._too_large and not is_warm_up(image):
            raise torch.cuda.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB")
        return super().infer(image, camera, gravity, proposals)


class PoseRejectingDepth(RefusingPoses, ConstantDepth):
    """Rejects every frame whose gravity is known, as if it contradicted the image."""


class RedSegmenter:
    """Finds one object: all red pixels."""

    name = "red"
    proposer = None
    device = CPU
    categories = ("red_cube",)

    def infer(
        self, image: Tensor, camera: Camera, gravity: Gravity | None = None, proposals: PromisedProposals | None = None
    ) -> Segmentation:
        red = (image[..., 0] > 200) & (image[..., 1] < 50)
        count = int(red.any())
        return Segmentation(red.to(torch.uint8), self.categories[:count], (0.9,)[:count])


def stand_in_pipeline(gate: threading.Semaphore | None = None) -> PerceptionPipeline:
    return PerceptionPipeline(ConstantDepth(gate), RedSegmenter())


def camera(width: int = WIDTH, height: int = HEIGHT) -> Camera:
    return Camera.from_vertical_fov(1.0, width, height)


def picture(width: int = WIDTH, height: int = HEIGHT) -> np.ndarray:
    """Grey with a red rectangle: columns 10..19, rows 20..29."""
    pixels = np.full((height, width, 3), 90, dtype=np.uint8)
    pixels[20:30, 10:20] = (255, 0, 0)
    return pixels


def header(stamp_ns: int = 1) -> Header:
    return Header(stamp=time_message(stamp_ns), frame_id=FRAME_ID)


def image(stamp_ns: int = 1, width: int = WIDTH, height: int = HEIGHT) -> Image:
    return image_message(header(stamp_ns), picture(width, height), "rgb8")


def camera_info(stamp_ns: int = 1, width: int = WIDTH, height: int = HEIGHT) -> CameraInfo:
    return camera_info_message(header(stamp_ns), camera(width, height))


def compressed(rgb: np.ndarray, suffix: str) -> CompressedImage:
    bgr = rgb[..., ::-1] if rgb.ndim == 3 else rgb
    return CompressedImage(header=header(), format=suffix[1:], data=cv2.imencode(suffix, bgr)[1].tobytes())
