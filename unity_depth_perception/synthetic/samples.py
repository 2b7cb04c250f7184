"""Virtual scenes as samples: image, camera, exact depth, instances, objects with true distances and parents.

True distances are computed from the ray caster's depth in plain NumPy, independently of `ops.statistics`, so that an
error there shows when the package is evaluated on virtual scenes.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.objects import DistanceStatistics, ObjectDistance
from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.synthetic.random_scene import random_scene
from unity_depth_perception.synthetic.render import render
from unity_depth_perception.synthetic.scene import CUBE_EDGE_M, LEAST_VISIBLE_RATIO, Scene

_WINDOW_RADIUS_PX = 2  # of the window of `DistanceStatistics.center`


def render_samples(
    seeds: Iterable[int],
    width: int,
    height: int,
    fov_rad: float | None = None,
    device: torch.device | str = "cpu",
    edge_m: float = CUBE_EDGE_M,
) -> list[Sample]:
    """Render the scenes of some seeds, each from a camera of width x height px.

    Args:
        fov_rad: vertical field of view; drawn for each scene if None.
        edge_m: edge of the cubes.
    """
    return [render_sample(random_scene(seed, width, height, fov_rad, edge_m), device) for seed in seeds]


def render_sample(scene: Scene, device: torch.device | str = "cpu", keep_ids: bool = False) -> Sample:
    """Render one scene with its ground truth; objects below LEAST_VISIBLE_RATIO of the image are left out.

    With `keep_ids` the id of an object is its index in `scene.boxes`, the same in all images of one room; without, the
    objects of the image are counted.
    """
    rendering = render([scene], device)
    depth_m, owner = rendering.depth_m[0].cpu().numpy(), rendering.boxes[0].cpu().numpy()  # owner: -1 = no object
    pixels = np.bincount(owner.ravel() + 1, minlength=len(scene.boxes) + 1)[1:]
    visible = np.flatnonzero(pixels >= max(1, LEAST_VISIBLE_RATIO * owner.size))
    ids = visible if keep_ids else np.arange(len(visible))
    numbers = np.zeros(len(scene.boxes) + 1, dtype=np.uint16)
    numbers[visible + 1] = ids + 1
    instances = numbers[owner + 1]
    return Sample(
        name=f"{scene.seed:05d}.png",
        image=rendering.image[0].cpu().numpy(),
        camera=scene.camera,
        objects=_true_objects(scene, dict(zip(visible.tolist(), ids.tolist(), strict=True)), depth_m, instances),
        depth_m=depth_m,
        instances=instances,
        world_from_camera=scene.world_from_camera,
    )


def _true_objects(
    scene: Scene, ids: dict[int, int], depth_m: NDArray[np.float32], instances: NDArray[np.uint16]
) -> tuple[ObjectDistance, ...]:
    """Measure the visible objects, given the id of each box; the parent is None if it is not visible."""
    objects = []
    for box, id_ in ids.items():
        category, parent = scene.boxes[box].category, scene.boxes[box].parent
        parent_id = None if parent is None else ids.get(parent)
        objects.append(true_object(id_, category, parent_id, instances == id_ + 1, depth_m, scene.camera))
    return tuple(objects)


def true_object(
    id_: int,
    category: str,
    parent_id: int | None,
    mask: NDArray[np.bool_],
    depth_m: NDArray[np.float32],
    camera: Camera,
) -> ObjectDistance:
    """Measure one object in exact depth, by the definitions of `DistanceStatistics` and `ObjectDistance`.

    Mean, median, min and max are over all pixels of the mask with a finite depth, the rim included: exact depth does
    not bleed there. `center` is the median over the object's pixels in a 5 x 5 window around its pixel nearest to the
    mask's centroid; the position is the median column and row, back-projected at the median depth. The median of an
    even number of values is the lower of the two middle ones.

    Args:
        mask: (H, W) bool, True somewhere.
        depth_m: (H, W) planar depth [m].
    """
    rows, columns = np.nonzero(mask)
    depths = depth_m[mask].astype(np.float64)
    finite = np.isfinite(depths)
    bbox = (int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
    if not finite.any():
        return ObjectDistance(id_, category, bbox, parent_id=parent_id, valid_ratio=0.0, pixel_count=len(rows))
    known = depths[finite]
    median = _lower_median(known)
    nearest = int(np.argmin((columns - columns.mean()) ** 2 + (rows - rows.mean()) ** 2))
    in_window = np.maximum(abs(columns - columns[nearest]), abs(rows - rows[nearest])) <= _WINDOW_RADIUS_PX
    position = camera.unproject((_lower_median(columns), _lower_median(rows)), median)
    x, y, z = (float(value) for value in position)
    return ObjectDistance(
        id=id_,
        category=category,
        bbox=bbox,
        distance=DistanceStatistics(
            center=_lower_median(depths[in_window & finite]) if (in_window & finite).any() else math.nan,
            mean=float(known.mean()),
            median=median,
            min=float(known.min()),
            max=float(known.max()),
        ),
        parent_id=parent_id,
        position_m=(x, y, z),
        range_m=math.hypot(x, y, z),
        valid_ratio=float(finite.mean()),
        pixel_count=len(rows),
    )


def _lower_median(values: NDArray[Any]) -> float:
    return float(np.sort(values)[(len(values) - 1) // 2])
