"""Support inference: what each object stands on, the floor or another object.

Every object has one hypothesis for each other object and one for the floor. Two kinds of evidence with independent
errors add up to the log odds of a hypothesis: its geometric cost (see `hypothesis_costs`), and the masks, since an
object is usually supported by what the image shows just below it. The noisier the depth (the ground plane's noise), the
less the costs count, and the more the prior against rare hypotheses and the occlusion order (`occlusion_order`) do.

The parent of an object is its direct supporter, a cube or a parallelepiped; None is the floor. An object "belongs to a
cube" if its chain of parents leads to that cube.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.core.ground_plane import GroundPlane
from unity_depth_perception.core.objects import shape_of
from unity_depth_perception.core.ragged_arrays import Values
from unity_depth_perception.core.support_relations.config import SUPPORT, SupportConfig
from unity_depth_perception.core.support_relations.evidence import ContactEdges, ParentLink
from unity_depth_perception.core.support_relations.hypothesis_costs import hypothesis_costs
from unity_depth_perception.core.support_relations.objects_on_ground import GroundedObjects, place_on_ground
from unity_depth_perception.core.support_relations.occlusion_order import occlusion_order


def find_parents(
    points: Sequence[Values],
    categories: Sequence[str],
    floor: GroundPlane,
    edges: ContactEdges,
    focal_px: float,
    config: SupportConfig = SUPPORT,
) -> list[ParentLink | None]:
    """The most probable supporter of each object; None for the floor.

    Args:
        points: per object (K, 3) points [m] of its visible surface in the optical frame; rows with NaN are left out.
        categories: per object `<colour>_<shape>`.
        floor: the plane that the lowest objects stand on.
        edges: what the image shows below the objects.
        focal_px: focal length of the image.

    Raises:
        InputError: the inputs are not of the same objects.
    """
    if not len(points) == len(categories) == len(edges.visible):
        raise InputError(
            f"expected points and contact edges for each of {len(categories)} objects, got {len(points)} and "
            f"{len(edges.visible)}"
        )
    is_cube = np.array([shape_of(category) == "cube" for category in categories], dtype=bool)
    objects = place_on_ground(points, floor, is_cube, 1 / focal_px, config)
    links: dict[int, ParentLink | None] = {}
    if len(objects):
        order = occlusion_order([points[k] for k in objects.indices])
        log_odds = _log_odds(objects, edges.only(objects.indices), order, floor, config)
        links = _most_probable(objects.indices.tolist(), log_odds)
        _break_cycles(links)
    return [links.get(k) for k in range(len(points))]


def _log_odds(
    objects: GroundedObjects, edges: ContactEdges, order: Values, floor: GroundPlane, config: SupportConfig
) -> Values:
    """Log odds (N, N + 1) of each hypothesis against the floor, which is the last column."""
    noise_weight = min(1.0, floor.relative_noise / config.noisy)
    costs = hypothesis_costs(objects, floor, edges, config)
    per_cost = config.odds_per_cost + noise_weight * (config.noisy_odds_per_cost - config.odds_per_cost)
    log_odds = -per_cost * np.clip(costs - costs[:, -1:], config.min_cost, config.max_cost)
    log_odds[:, :-1] += _mask_odds(objects, edges, noise_weight, config)
    log_odds[:, :-1] += noise_weight * _occlusion_odds(order, config)
    np.fill_diagonal(log_odds, -np.inf)  # nothing supports itself
    return np.asarray(log_odds)


def _mask_odds(objects: GroundedObjects, edges: ContactEdges, noise_weight: float, config: SupportConfig) -> Values:
    """Log odds (N, N) of each supporter, from what is visible below the objects and the prior of rare supporters."""
    by_masks = np.where(objects.side_visible, noise_weight, 1.0)[:, None]  # an upper face alone shows no lower end
    below = by_masks * edges.below + (1 - by_masks) * edges.touching
    background = noise_weight * edges.background + (1 - noise_weight) * edges.touching_background
    below += config.hidden_edge * np.maximum(0.0, 1 - below - background[:, None])
    raised_cube = config.raised_cube_odds + noise_weight * config.noisy_raised_cube_odds
    against = np.where(objects.is_cube, raised_cube, 0.0)[:, None]
    against = against + np.where(objects.is_cube, 0.0, noise_weight * config.noisy_other_odds)
    return np.asarray(config.below_odds * below - config.floor_odds - against)


def _occlusion_odds(order: Values, config: SupportConfig) -> Values:
    """Log odds (N, N) of each supporter, from the occlusion order: an object is not behind its supporter."""
    certainty = np.clip(order / config.certain_occlusion, -1, 1)
    return np.where(certainty > 0, config.occluding_odds, config.occluded_odds) * certainty - config.noisy_link_odds


def _most_probable(indices: list[int], log_odds: Values) -> dict[int, ParentLink | None]:
    """The most probable hypothesis for each of the objects `indices`, from log odds (N, N + 1)."""
    weights = np.exp(log_odds - log_odds.max(axis=1, keepdims=True))
    probabilities = weights / weights.sum(axis=1, keepdims=True)
    best = probabilities.argmax(axis=1).tolist()
    return {
        index: None if k == len(indices) else ParentLink(indices[k], float(row[k]))
        for index, k, row in zip(indices, best, probabilities, strict=True)
    }


def _break_cycles(links: dict[int, ParentLink | None]) -> None:
    """Remove the least probable link wherever objects support each other in a cycle."""
    for start in list(links):
        path = [start]
        while (link := links.get(path[-1])) is not None and link.parent not in path:
            path.append(link.parent)
        if link is not None:
            cycle = path[path.index(link.parent) :]
            links[min(cycle, key=lambda k: links[k].score)] = None  # type: ignore[union-attr]
