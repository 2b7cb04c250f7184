"""A wall with two squares in front, and stub models whose errors can be computed by hand."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.objects import DistanceStatistics, ObjectDistance
from unity_depth_perception.dataset.reader import UnityDataset
from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.dataset.writer import DatasetWriter
from unity_depth_perception.models.protocols import DepthPrediction, Segmentation

CPU = torch.device("cpu")
CAMERA = Camera.from_vertical_fov(math.radians(60), 64, 48)
SQUARES = {"red_cube": (slice(20, 36), slice(8, 24), 1.0), "blue_cube": (slice(20, 36), slice(40, 56), 1.5)}


def make_sample(index: int, with_depth: bool = True, with_masks: bool = True) -> Sample:
    """A wall at 2 m with two squares before it; the images differ, so that a test's model can tell them apart."""
    depth_m = np.full((48, 64), 2.0, np.float32)
    instances = np.zeros((48, 64), np.uint16)
    objects = []
    for item_id, (category, (rows, columns, distance_m)) in enumerate(SQUARES.items()):
        depth_m[rows, columns], instances[rows, columns] = distance_m, item_id + 1
        bbox = (columns.start, rows.start, columns.stop, rows.stop)
        objects.append(ObjectDistance(item_id, category, bbox, DistanceStatistics(median=distance_m)))
    return Sample(
        name=f"{index:05d}.png",
        image=np.full((48, 64, 3), 40 + index, np.uint8),
        camera=CAMERA,
        objects=tuple(objects) if with_masks else (),
        depth_m=depth_m if with_depth else None,
        instances=instances if with_masks else None,
    )


def write_dataset(folder: Path, samples: Sequence[Sample]) -> UnityDataset:
    with DatasetWriter(folder, CAMERA) as writer:
        for sample in samples:
            writer.add(sample)
    return UnityDataset(folder)


class ScaledDepth:
    """The wall and squares of `make_sample`, times a factor."""

    proposer = None

    name = "scaled"
    device = CPU

    def __init__(self, factor: float, is_metric: bool = True) -> None:
        self._factor, self._is_metric = factor, is_metric

    def infer(self, image: Tensor, camera: Camera, gravity: Any = None, proposals: Any = None) -> DepthPrediction:
        depth_m = make_sample(0).depth_m
        assert depth_m is not None
        return DepthPrediction(torch.from_numpy(depth_m * np.float32(self._factor)), self._is_metric)


class ChangedMasks:
    """The squares of `make_sample`, after a change of instances and categories."""

    proposer = None

    name = "changed"
    device = CPU
    categories = tuple(SQUARES)

    def __init__(self, change: Callable[[np.ndarray, list[str]], None]) -> None:
        self._change = change

    def infer(self, image: Tensor, camera: Camera, gravity: Any = None, proposals: Any = None) -> Segmentation:
        instances, categories = make_sample(0).instances, list(SQUARES)
        assert instances is not None
        self._change(instances, categories)
        return Segmentation(torch.from_numpy(instances.astype(np.int32)), tuple(categories), (0.9,) * len(categories))


def lose_red(instances: np.ndarray, categories: list[str]) -> None:
    instances[instances == 1] = 0
    instances[instances == 2] = 1
    categories.remove("red_cube")


def rename_red(instances: np.ndarray, categories: list[str]) -> None:
    categories[0] = "orange_cube"


def invent_another(instances: np.ndarray, categories: list[str]) -> None:
    instances[:6, :6] = 3
    categories.append("red_cube")


def halve_red(instances: np.ndarray, categories: list[str]) -> None:
    instances[20:28, 8:24] = 0  # the half that is left has IoU 0.5 exactly: still a match


def shrink_red(instances: np.ndarray, categories: list[str]) -> None:
    instances[20:29, 8:24] = 0  # IoU 7/16
