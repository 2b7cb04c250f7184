"""Shards: arrays of images of one size, rendered (`scene_pool`) or made from a dataset (`dataset_shards`)."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.errors import DatasetError
from unity_depth_perception.core.files.atomic_file import remove_drafts
from unity_depth_perception.core.ground_plane import up_from_pose
from unity_depth_perception.dataset.files import write_array


@dataclass(frozen=True)
class Shard:
    """N images of one size, usually memory-mapped.

    Attributes:
        image: (N, H, W, 3) uint8 RGB.
        depth_m: (N, H, W) float16; NaN where unknown, +Inf beyond range.
        instances: (N, H, W) uint8 or int32, 0 = background, k = object k - 1.
        category: (N, K) integer index into the source's categories of each object, -1 for none.
        intrinsics: (N, 4) float32 fx, fy, cx, cy [px].
        floor: (N, 4) float32 unit normal of the floor in the optical frame, pointing down, and height of the camera
            above it [m]; NaN where the camera's pose is unknown.
        levels: (N, L) float32 heights of the camera above all horizontal levels of virtual scenes [m], < 0 for levels
            above it, NaN for none: the first is that of `floor`, which the first objects stand on, the last the floor
            of the room or the ground. None where the source does not know them.
        is_other_solid: (N, H, W) bool, clutter or furniture; None where the source does not know it.
    """

    image: NDArray[np.uint8]
    depth_m: NDArray[np.float16]
    instances: NDArray[np.integer[Any]]
    category: NDArray[np.integer[Any]]
    intrinsics: NDArray[np.float32]
    floor: NDArray[np.float32]
    levels: NDArray[np.float32] | None = None
    is_other_solid: NDArray[np.bool_] | None = None


class ShardSource(Protocol):
    """Training data as shards."""

    @property
    def categories(self) -> tuple[str, ...]:
        """Category names, in the order of the shards' category indices."""
        ...

    @property
    def least_visible_ratio(self) -> float:
        """Share of an image below which an object is too small to be detected."""
        ...

    def wait(self) -> None:
        """Block until a shard is available."""
        ...

    def available(self) -> list[Shard]:
        """Available shards; each entry is drawn with equal probability, so a shard may be listed more than once."""
        ...

    def close(self) -> None:
        """Release what the source holds."""
        ...


def floor_from_pose(world_from_camera: NDArray[np.float64] | None) -> NDArray[np.float32]:
    """Floor z = 0 as in `Shard.floor`; NaN without a pose."""
    if world_from_camera is None:
        return np.full(4, np.nan, dtype=np.float32)
    return np.array([*-up_from_pose(world_from_camera), world_from_camera[2, 3]], dtype=np.float32)


_FIELDS = ("image", "depth_m", "instances", "category", "intrinsics", "floor")
_OPTIONAL = ("levels", "is_other_solid")


def save_shard(shard: Shard, folder: Path) -> None:
    """Write the arrays of a shard into a folder."""
    for name in (*_FIELDS, *_OPTIONAL):
        if getattr(shard, name) is not None:
            write_array(folder / f"{name}.npy", getattr(shard, name))


def load_shard(folder: Path) -> Shard:
    """The shard in a folder, memory-mapped.

    Raises:
        DatasetError: an array is missing or damaged.
    """
    names = (*_FIELDS, *(name for name in _OPTIONAL if (folder / f"{name}.npy").exists()))
    try:
        arrays = {name: np.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False) for name in names}
    except (OSError, ValueError, EOFError) as error:
        raise DatasetError(f"{folder}: the shard is damaged ({error}); remove this folder, it is made again") from None
    return Shard(**arrays)


def remove_shard(folder: Path) -> None:
    """Remove the arrays of a shard and its folder; anything else in it, and then the folder too, stays.

    Raises:
        OSError: the folder holds something else, or cannot be removed.
    """
    for name in (*_FIELDS, *_OPTIONAL):
        (folder / f"{name}.npy").unlink(missing_ok=True)
    remove_drafts(folder)
    folder.rmdir()
