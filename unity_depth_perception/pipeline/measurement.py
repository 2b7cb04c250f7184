"""From depth, masks and camera to objects: their distances and positions, and what each one stands on."""

from __future__ import annotations

import math
from dataclasses import fields

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.ground_plane import fit_ground_plane
from unity_depth_perception.core.objects import DistanceStatistics, ObjectDistance
from unity_depth_perception.core.support_relations.evidence import ParentLink
from unity_depth_perception.core.support_relations.inference import find_parents
from unity_depth_perception.models.protocols import DepthPrediction, Segmentation
from unity_depth_perception.models.runtime.threads import on_one_thread
from unity_depth_perception.ops.contact_edges import contact_edges
from unity_depth_perception.ops.geometry import background_points
from unity_depth_perception.ops.statistics import ObjectStatistics, object_statistics

Links = tuple[ParentLink | None, ...]


@on_one_thread
def measure_objects(
    depth_m: Tensor, segmentation: Segmentation, camera: Camera
) -> tuple[Segmentation, ObjectStatistics]:
    """Measure the instances of a depth image.

    Args:
        depth_m: (H, W) float32 planar depth [m].
        segmentation: its instances, same size.
        camera: intrinsics, same size.

    Returns:
        The segmentation without instances that have no pixel, and statistics of the rest in its order.

    Raises:
        InputError: the instance image holds a value without a category.
    """
    statistics = object_statistics(depth_m, segmentation.instances, len(segmentation.categories), camera)
    kept = (statistics.pixel_count > 0).nonzero().squeeze(1)
    if len(kept) == len(segmentation.categories):
        return segmentation, statistics
    columns = {f.name: getattr(statistics, f.name)[kept] for f in fields(ObjectStatistics)}
    return segmentation.only(kept), ObjectStatistics(**columns)


@on_one_thread
def infer_support(
    depth: DepthPrediction,
    segmentation: Segmentation,
    statistics: ObjectStatistics,
    camera: Camera,
    gravity: NDArray[np.float64] | None = None,
) -> Links:
    """Infer what each instance stands on; None is the floor, or unknown where no ground plane is seen.

    Args:
        depth: metric depth of the frame.
        segmentation: what `measure_objects` kept.
        statistics: what `measure_objects` measured.
        camera: intrinsics of the frame.
        gravity: (3,) unit vector of gravity in the optical frame, if known.
    """
    count, instances, depth_m = len(segmentation.categories), segmentation.instances, depth.depth_m
    if count == 0:
        return ()
    on_objects, background = statistics.points, background_points(depth_m, instances, camera)
    both = torch.cat([on_objects.reshape(-1, 3), background]).cpu().double().numpy()  # one download
    of_objects, background_m = np.split(both, [on_objects.shape[0] * on_objects.shape[1]])
    points = of_objects.reshape(on_objects.shape)
    floor = fit_ground_plane(background_m, of_objects, None if gravity is None else -gravity)
    if floor is None:
        return (None,) * count
    floor = floor.with_min_noise(depth.scatter_ratio)
    edges = contact_edges(depth_m, instances, count, camera, floor.up)
    return tuple(find_parents(list(points), segmentation.categories, floor, edges, camera.focal_px))


def object_distances(
    statistics: ObjectStatistics, segmentation: Segmentation, links: Links
) -> tuple[ObjectDistance, ...]:
    """Assemble the objects of a frame from their statistics and links; one download."""
    s = statistics
    columns = [s.center, s.mean, s.median, s.minimum, s.maximum, s.valid_ratio, *s.position.T, *s.bbox.T, s.pixel_count]
    rows = torch.stack([column.double() for column in columns], dim=1).tolist()
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
