"""Costs of the support hypotheses "object k, or the floor, supports object i", from geometry.

An object at rest is supported by what lies below its centre and reaches up to its lower end. Every other object and the
floor is a hypothesis that predicts both; its cost is the deviation of the object from that, in standard deviations of
the depth noise (compare Silberman et al., "Indoor segmentation and support inference from RGBD images", 2012).

- Height: the top of the supporter against the lower end of the object. The depth of an object may be wrong along its
  rays, so the error is a ratio of depths. Where another object may hide the lower end, its height is only a bound.
- Place: the object is moved along its rays to where its lower end meets the supporter; the distance of its centre from
  the supporter's footprint counts.
"""

from __future__ import annotations

import numpy as np

from unity_depth_perception.core.ground_plane import GroundPlane
from unity_depth_perception.core.ragged_arrays import Values, quantiles
from unity_depth_perception.core.support_relations.config import SupportConfig
from unity_depth_perception.core.support_relations.evidence import ContactEdges
from unity_depth_perception.core.support_relations.objects_on_ground import GroundedObjects


def hypothesis_costs(
    objects: GroundedObjects, floor: GroundPlane, edges: ContactEdges, config: SupportConfig
) -> Values:
    """Costs (N, N + 1) of all hypotheses on N >= 1 objects: [i, k] = k supports i; the last column is the floor."""
    camera_m = floor.camera_height_m
    noise = config.error_per_noise * floor.relative_noise + objects.pixel_m / _below_camera(objects.bottom_m, camera_m)
    error = config.height_error + noise  # (N,) relative
    visible = np.minimum(np.column_stack([edges.visible[:, None] + edges.touching, edges.visible]), 1.0)
    visible *= objects.side_visible[:, None]
    on_background = edges.touching_background + edges.touching.sum(axis=1) + config.outline_noise
    visible[:, -1] *= 1 - edges.touching_background / on_background  # it may stand on an object without a mask
    support_m = np.append(objects.top_m, 0.0)  # (N + 1,)
    lower_end_m = np.column_stack([_lower_ends(objects, config), objects.bottom_m])
    shift = np.log(_below_camera(support_m, camera_m) / _below_camera(lower_end_m, camera_m))
    costs = _height_costs(shift / error[:, None], visible, config)
    centers, sizes_m = objects.footprints.centers, objects.footprints.sizes_m
    max_shift = config.max_shift * error[:, None]
    moved = centers[:, None] * np.exp(np.clip(shift, -max_shift, max_shift) * visible)[:, :-1, None]  # (N, N, 2)
    blur_m = noise * np.linalg.norm(centers, axis=1) + objects.pixel_m + 1e-9
    tolerance_m = config.place_tolerance * np.minimum(sizes_m[:, None], sizes_m) + blur_m[:, None]
    costs[:, :-1] += objects.footprints.distances_m(moved.swapaxes(0, 1)).T / tolerance_m
    return costs


def _lower_ends(objects: GroundedObjects, config: SupportConfig) -> Values:
    """Heights (N, N) [m] of the lower end of each object above each supporter.

    A plank that lies across a supporter may reach lower beside it: only its part above the supporter counts.
    """
    count = len(objects)
    distances_m = objects.footprints.distances_m(objects.ground.reshape(-1, 2)).reshape(count, count, -1)
    overlap = distances_m == 0  # (of supporter, of object, K)
    supporter, upper = (overlap.sum(axis=2) >= config.min_overlap * objects.counts).nonzero()
    overlap = overlap[supporter, upper]
    heights = np.sort(np.where(overlap, objects.heights[upper], np.nan))
    above_m = quantiles(heights, overlap.sum(axis=1), (0.03,))[0]
    top_m = objects.top_m[supporter]
    nearer = np.abs(above_m - top_m) < np.abs(objects.bottom_m[upper] - top_m)
    ends_m = np.repeat(objects.bottom_m[:, None], count, axis=1)
    ends_m[upper[nearer], supporter[nearer]] = above_m[nearer]
    return ends_m


def _below_camera(height_m: Values, camera_m: float) -> Values:
    """Distances [m] below the camera, at least 5 % of its height: near that level depth says little about heights."""
    return np.maximum(camera_m - height_m, 0.05 * camera_m)


def _height_costs(errors: Values, visible: Values, config: SupportConfig) -> Values:
    """Costs (N, N + 1) of height errors [standard deviations], bounded by the visible fractions of the lower ends.

    A lower end below the supporter's top (error < 0) contradicts the hypothesis; one above it may be partly hidden.
    """
    most = visible * config.max_height_cost + (1 - visible) * config.hidden_height_cost
    return np.minimum(np.abs(errors), np.where(errors < 0, 2 * config.max_height_cost, most))
