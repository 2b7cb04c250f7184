"""Sources of the samples that virtual Unity publishes: random scenes, a tour, a dataset folder, a video file."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import ConfigurationError, DatasetError
from unity_depth_perception.dataset.reader import UnityDataset
from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.ros.parameters.virtual_unity_table import VirtualUnityConfig
from unity_depth_perception.synthetic.samples import render_samples
from unity_depth_perception.synthetic.tours.tour import Tour, TourConfig

ReadSample = Callable[[int], Sample]

_PLACEHOLDER_FOV_RAD = 1.0  # of a video without camera_info, where it is not published


def open_samples(config: VirtualUnityConfig) -> ReadSample:
    """Open the source named by the parameters: a function from number 0, 1, 2, ... to sample, called in order, endless.

    Raises:
        ConfigurationError: the field of view of a video is not given.
        InputError: no tour shows the objects with the field of view.
        DatasetError: `path` is no dataset folder, or no video.
    """
    if config.source == "synthetic":
        return _scenes(config)
    if config.source == "tour":
        return _tour(config).frame
    if config.source == "dataset":
        dataset = UnityDataset(config.path)
        return lambda number: dataset[number % len(dataset)]
    return Video(config.path, _fov_rad(config)).read


def _scenes(config: VirtualUnityConfig) -> ReadSample:
    """Random scenes, each with its own seed; with a field of view of 0 each scene draws its own."""

    def render(number: int) -> Sample:
        (sample,) = render_samples([config.seed + number], config.width, config.height, _given_fov_rad(config))
        return sample

    return render


def _tour(config: VirtualUnityConfig) -> Tour:
    motion: Any = config.motion  # the table allows nothing else than MOTIONS
    tour = TourConfig(config.tour_frames, config.rate_hz, motion, moving_objects=config.moving_objects)
    return Tour(tour, config.seed, config.width, config.height, _given_fov_rad(config))


def _given_fov_rad(config: VirtualUnityConfig) -> float | None:
    return math.radians(config.vertical_fov_deg) if config.vertical_fov_deg > 0 else None


def _fov_rad(config: VirtualUnityConfig) -> float:
    fov_rad = _given_fov_rad(config)
    if fov_rad is not None:
        return fov_rad
    if config.camera_info:
        raise ConfigurationError(
            "parameter vertical_fov_deg: expected more than 0, for a video does not say it; or set camera_info to false"
        )
    return _PLACEHOLDER_FOV_RAD


class Video:
    """Frames of a video file, as samples without ground truth."""

    def __init__(self, path: str, fov_rad: float) -> None:
        """Opens the file.

        Raises:
            DatasetError: the file is missing, or not a video.
        """
        self._path = path
        self._fov_rad = fov_rad
        self._capture = cv2.VideoCapture(path)
        if not self._capture.isOpened():
            raise DatasetError(f"{path or 'parameter path'}: expected a video file, but it cannot be opened")

    def read(self, number: int) -> Sample:
        """Read the next frame; after the last one the video starts again.

        Raises:
            DatasetError: the file holds no frame that can be decoded.
        """
        good, pixels = self._capture.read()
        if not good:
            self._capture.set(cv2.CAP_PROP_POS_FRAMES, 0)
            good, pixels = self._capture.read()
        if not good:
            raise DatasetError(f"{self._path}: expected a video, but no frame can be decoded")
        image = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))
        height, width = image.shape[:2]
        return Sample(f"{number:05d}.png", image, Camera.from_vertical_fov(self._fov_rad, width, height))
