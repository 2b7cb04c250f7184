"""From depth, masks and camera to objects: their distances, positions and parents."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unity_depth_perception.core.association import ParentLink, find_parents
from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.floor import fit_floor, up_from_pose
from unity_depth_perception.core.objects import DistanceStatistics, ObjectDistance
from unity_depth_perception.models.protocols import Segmentation
from unity_depth_perception.ops.borders import lower_borders
from unity_depth_perception.ops.ends import seen_ends
from unity_depth_perception.ops.geometry import background_points
from unity_depth_perception.ops.statistics import ObjectStatistics, object_statistics


def relate(
    depth_m: Tensor,
    segmentation: Segmentation,
    camera: Camera,
    world_from_camera: NDArray[np.float64] | None = None,
    scatter_ratio: float = 0.0,
) -> tuple[Segmentation, tuple[ObjectDistance, ...], tuple[ParentLink | None, ...]]:
    """Distances, positions and parents of the instances of a depth image (H, W) [m].

    Args:
        scatter_ratio: see `DepthPrediction`.

    Returns:
        The segmentation without instances that have no pixel, the objects in its order, and what each stands on.
    """
    count = len(segmentation.categories)
    if count == 0 and not segmentation.instances.any():
        return segmentation, (), ()
    statistics = object_statistics(depth_m, segmentation.instances, count, camera)
    segmentation, statistics = _without_empty(segmentation, statistics)
    points = statistics.points.cpu().double().numpy()
    background = background_points(depth_m, segmentation.instances, camera).cpu().double().numpy()
    up = None if world_from_camera is None else up_from_pose(world_from_camera)
    floor = fit_floor(background, points.reshape(-1, 3), up)
    categories = segmentation.categories
    if floor is None:
        return segmentation, _objects(statistics, segmentation, (None,) * len(categories)), (None,) * len(categories)
    floor = floor.scattered(scatter_ratio)
    borders = lower_borders(depth_m, segmentation.instances, len(categories), camera, floor.up)
    ends = seen_ends(depth_m, segmentation.instances, len(categories), camera).cpu().double().numpy()
    links = tuple(find_parents(list(points), list(ends), categories, floor, borders, camera.focal_px))
    return segmentation, _objects(statistics, segmentation, links), links


def _objects(
    statistics: ObjectStatistics, segmentation: Segmentation, links: tuple[ParentLink | None, ...]
) -> tuple[ObjectDistance, ...]:
    s = statistics
    columns = [s.center, s.mean, s.median, s.minimum, s.maximum, s.valid_ratio, *s.position.T, *s.bbox.T, s.pixel_count]
    rows = torch.stack([column.double() for column in columns], dim=1).tolist()  # one download
    objects = []
    for k, (row, link) in enumerate(zip(rows, links, strict=True)):
        x_min, y_min, x_max, y_max = (int(v) for v in row[9:13])
        objects.append(
            ObjectDistance(
                id=k,
                category=segmentation.categories[k],
                bbox=(x_min, y_min, x_max, y_max),
                distance=DistanceStatistics(*row[:5]),
                parent_id=None if link is None else link.parent,
                score=segmentation.scores[k],
                position_m=(row[6], row[7], row[8]),
                range_m=math.hypot(*row[6:9]),
                valid_ratio=row[5],
                pixel_count=int(row[13]),
            )
        )
    return tuple(objects)


def _without_empty(segmentation: Segmentation, statistics: ObjectStatistics) -> tuple[Segmentation, ObjectStatistics]:
    """Leave out instances without a pixel, whose masks others cover wholly, and number the rest anew."""
    kept = (statistics.pixel_count > 0).nonzero().squeeze(1)
    if len(kept) == len(segmentation.categories):
        return segmentation, statistics
    return (
        segmentation.only(kept),
        ObjectStatistics(**{f.name: getattr(statistics, f.name)[kept] for f in fields(ObjectStatistics)}),
    )
