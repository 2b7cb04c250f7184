"""Pool of rendered virtual scenes: processes render shards into a folder while the training draws from them.

A shard is a folder of arrays of one image size, written once and renamed into place, so several trainings may share a
pool and an interrupted rendering resumes. On a CPU, rendering an image costs about as much as a training step on it,
hence the pool: each image is drawn several times with different augmentation.
"""

from __future__ import annotations

import contextlib
import math
import multiprocessing
import multiprocessing.connection
import os
import tempfile
import threading
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from unity_depth_perception.core.errors import ConfigurationError, DatasetError
from unity_depth_perception.core.files.output_folder import locked_folder, make_folder
from unity_depth_perception.models.image_size import processing_size
from unity_depth_perception.synthetic.random_scene import random_scene
from unity_depth_perception.synthetic.render import render
from unity_depth_perception.synthetic.scene import CATEGORIES, LEAST_VISIBLE_RATIO, Scene
from unity_depth_perception.synthetic.seeds import FIRST_TRAINING_SEED
from unity_depth_perception.synthetic.variety import USUAL, WIDE, draw_kind
from unity_depth_perception.training import distributed
from unity_depth_perception.training.data.shards import Shard, floor_from_pose, load_shard, remove_shard, save_shard

SHARD_IMAGES = 32
_PARTIAL = ".partial-"
_CPU = torch.device("cpu")
_IMAGE_AREA = 540 * 540
_USUAL_EVERY = 4
_ROOMS = ("room",)
_LEVELS = 8  # no furniture has more, its floor included
_CORES_PER_PROCESS = 4  # that renders; the processes of a distributed training share the cores
_ASPECTS = ((1, 1), (4, 3), (16, 9), (1, 1), (4, 3), (3, 4))


class ScenePool:
    """Shards of at least `count` images in a folder, rendered in the background by one process per four cores."""

    categories = CATEGORIES
    least_visible_ratio = LEAST_VISIBLE_RATIO

    def __init__(self, folder: Path, count: int, device: torch.device = _CPU, kinds: tuple[str, ...] = _ROOMS) -> None:
        """Start rendering the missing shards on `device`.

        Args:
            kinds: kinds of the scenes, one drawn for each; a kind that is repeated comes more often. Shards of other
                kinds in the same folder are left alone.
        """
        if count < SHARD_IMAGES:
            raise ConfigurationError(f"expected a pool of at least {SHARD_IMAGES} images, got {count}")
        self.folder, self._kinds = folder, kinds
        self.shards = math.ceil(count / SHARD_IMAGES)
        make_folder(folder)
        self._loaded: dict[int, Shard] = {}
        self._remove_leftovers()
        context = multiprocessing.get_context("spawn")
        missing = sum(not self._path(index).exists() for index in range(self.shards))
        self._workers = [
            context.Process(target=fill, args=(folder, self.shards, device, kinds), daemon=True)
            for _ in range(
                min(missing, max(1, (os.cpu_count() or 1) // (_CORES_PER_PROCESS * distributed.world_size())))
            )
        ]
        for worker in self._workers:
            worker.start()

    def wait(self, shards: int = 2) -> None:
        """Block until `shards` shards, or all if the pool has fewer, are rendered.

        Raises:
            ConfigurationError: the rendering processes have ended without rendering them.
        """
        while len(self.available()) < min(shards, self.shards):
            if not any(worker.is_alive() for worker in self._workers):
                raise ConfigurationError(
                    f"the processes that render into {self.folder} ended early; see their message above"
                )
            time.sleep(0.5)

    def available(self) -> list[Shard]:
        """Shards rendered so far, memory-mapped."""
        for index in range(self.shards):
            if index not in self._loaded and self._path(index).exists():
                self._loaded[index] = load_shard(self._path(index))
        return list(self._loaded.values())

    def close(self) -> None:
        """Stop rendering."""
        for worker in self._workers:
            worker.terminate()
        for worker in self._workers:
            worker.join()

    def _remove_leftovers(self) -> None:
        """Remove what killed processes were rendering, and damaged shards, which are rendered again."""
        for partial in self.folder.glob(f"{_PARTIAL}*"):
            with (
                contextlib.suppress(ConfigurationError, OSError),
                locked_folder(partial),
            ):  # its renderer holds the lock
                remove_shard(partial)
        for index in range(self.shards):
            try:
                if self._path(index).exists():
                    load_shard(self._path(index))
            except DatasetError:
                remove_shard(self._path(index))

    def _path(self, index: int) -> Path:
        return _shard_path(self.folder, index, self._kinds)


def _shard_path(folder: Path, index: int, kinds: tuple[str, ...]) -> Path:
    return folder / (f"{index:05d}" if kinds == _ROOMS else f"{index:05d}-{'-'.join(kinds)}")


def fill(folder: Path, shards: int, device: torch.device = _CPU, kinds: tuple[str, ...] = _ROOMS) -> None:
    """Render the missing shards of 0..shards-1 in random order, so that two processes rarely render the same."""
    torch.set_num_threads(1)
    _end_with_parent()
    for index in np.random.default_rng(os.getpid()).permutation(shards):
        target = _shard_path(folder, int(index), kinds)
        if target.exists():
            continue
        partial = Path(tempfile.mkdtemp(prefix=_PARTIAL, dir=folder))
        with locked_folder(partial):
            save_shard(render_shard(int(index), device, kinds), partial)
            try:
                partial.rename(target)
            except OSError:  # another process was first
                remove_shard(partial)


def _end_with_parent() -> None:
    """End this process as soon as the training that started it has ended, by SIGKILL too."""
    parent = multiprocessing.parent_process()
    if parent is None:  # called in the training's own process
        return

    def wait() -> None:
        multiprocessing.connection.wait([parent.sentinel])
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def render_shard(index: int, device: torch.device = _CPU, kinds: tuple[str, ...] = _ROOMS) -> Shard:
    """Render a shard; the seeds of its scenes start at FIRST_TRAINING_SEED + index * SHARD_IMAGES.

    Three of four shards show scenes of more variety than at inference, for robustness. Sky has a depth of +Inf.
    """
    variety = USUAL if index % _USUAL_EVERY == 0 else WIDE
    width, height = processing_size(*_ASPECTS[index % len(_ASPECTS)], _IMAGE_AREA)
    first = FIRST_TRAINING_SEED + index * SHARD_IMAGES
    scenes = [
        random_scene(seed, width, height, variety=replace(variety, kind=draw_kind(seed, kinds)))
        for seed in range(first, first + SHARD_IMAGES)
    ]
    rendering = render(scenes, device)
    return Shard(
        image=rendering.image.cpu().numpy(),
        depth_m=rendering.depth_m.cpu().numpy().astype(np.float16),
        instances=(rendering.boxes.cpu().numpy() + 1).astype(np.uint8),
        category=np.stack([_categories(scene) for scene in scenes]),
        intrinsics=np.array([[s.camera.fx, s.camera.fy, s.camera.cx, s.camera.cy] for s in scenes], dtype=np.float32),
        floor=np.stack([floor_from_pose(scene.world_from_camera) for scene in scenes]),
        levels=np.stack([_levels(scene) for scene in scenes]),
        is_other_solid=rendering.is_other_solid.cpu().numpy(),
    )


def _levels(scene: Scene) -> NDArray[np.float32]:
    """Heights of the camera above the levels of a scene, as in `Shard.levels`."""
    row = np.full(_LEVELS, np.nan, dtype=np.float32)
    row[: len(scene.levels_m)] = scene.world_from_camera[2, 3] - np.array(scene.levels_m)
    return row


def _categories(scene: Scene) -> NDArray[np.int8]:
    row = np.full(32, -1, dtype=np.int8)
    row[: len(scene.boxes)] = [CATEGORIES.index(box.category) for box in scene.boxes]
    return row
