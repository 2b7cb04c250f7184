"""Constants of ground-plane fitting and support inference, each with its unit and the reason for its value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SupportConfig:
    """Constants of support inference. Costs are in standard deviations of the depth noise; log odds are natural.

    Attributes:
        plane_trials: planes that RANSAC tries.
        plane_samples: background points, and object points, that score each trial; more do not change the best plane.
        plane_band: distance of an inlier from the plane, as a fraction of the scene's depth: the noise of predictions.
        plane_min_points: background points that a plane needs.
        plane_max_tilt_rad: largest angle [rad] between plane and known horizontal: intrinsics may be some pixels off.
        plane_exact_noise: plane noise, in camera heights, up to which a fitted tilt is real and not a depth error.
        same_depth: largest relative depth step between adjacent pixels of touching surfaces; on a surface slanted by 80
            degrees the step is smaller.
        depth_noise: relative depth step that rounding may cause: smaller steps do not separate surfaces.
        mask_gap: largest gap between predicted masks of touching objects, as a fraction of the image's longer side.
        min_points: points that an object needs; fewer do not show its extent.
        max_points: points of an object that are used, at most; more cost time and change no link.
        tail: fraction of an object's points beyond its lower end, and beyond its upper end, where depth is exact: few
            points lie at the tip of a tilted box.
        tail_per_noise, noise_tail: increase of `tail` per relative noise beyond `exact_noise`, and its maximum: noise
            scatters points beyond the ends.
        exact_noise: noise of the ground plane, in camera heights, up to which depth counts as rendered or measured.
        end: fraction of an object's points at an end; if they have one height, it is a level face: no rim is missing.
        height_error: relative error of an object's depth against the ground's where depth is exact: half a pixel.
        error_per_noise: increase of `height_error` per relative noise of the ground plane.
        max_shift: how far along its rays an object may move to meet its supporter, in standard deviations.
        max_height_cost: largest cost of a supporter at the wrong height where the lower end is visible.
        hidden_height_cost: the same where the lower end is hidden and may reach farther down to the supporter.
        place_tolerance: horizontal distance of an object's centre from its supporter's footprint, as a fraction of the
            smaller of the two objects.
        outline_noise: fraction of a lower edge whose pixels may show what is beside the object and not below it.
        min_overlap: fraction of an object's points that must be above a supporter to give its lower end there.
        min_cost, max_cost: bounds of the cost of a supporter minus that of the floor; beyond, it says no more.
        odds_per_cost, noisy_odds_per_cost: log odds per cost where depth is exact, and where it is noisy.
        noisy: noise of the ground plane, in camera heights, from which on depth counts as noisy.
        below_odds: log odds for an object that the image shows below all of another's lower edge.
        floor_odds: log odds for the floor before the lower edge is considered.
        hidden_edge: weight of the part of a lower edge that shows neither a given supporter nor the background,
            relative to a part that shows the supporter: it may be hidden there.
        raised_cube_odds, noisy_raised_cube_odds: log odds against a cube on another object, which is rare; and their
            increase where depth is noisy.
        noisy_other_odds: log odds against a supporter that is not a cube, where depth is noisy: most are cubes.
        noisy_link_odds: log odds against any supporter where depth is noisy.
        occluding_odds: log odds for a supporter that the object partly occludes, where depth is noisy.
        occluded_odds: log odds against a supporter that partly occludes the object, where depth is noisy: an object
            is not behind its supporter.
        certain_occlusion: fraction of an object's visible points inside another's outline that proves an occlusion.
    """

    plane_trials: int = 192
    plane_samples: int = 400
    plane_band: float = 0.015
    plane_min_points: int = 12
    plane_max_tilt_rad: float = 0.05
    plane_exact_noise: float = 0.001
    same_depth: float = 0.02
    depth_noise: float = 0.001
    mask_gap: float = 0.01
    min_points: int = 4
    max_points: int = 192
    tail: float = 0.003
    tail_per_noise: float = 3.0
    noise_tail: float = 0.047
    exact_noise: float = 0.004
    end: float = 0.08
    height_error: float = 0.004
    error_per_noise: float = 3.0
    max_shift: float = 3.0
    max_height_cost: float = 8.0
    hidden_height_cost: float = 1.0
    place_tolerance: float = 0.1
    outline_noise: float = 0.05
    min_overlap: float = 0.1
    min_cost: float = -10.0
    max_cost: float = 20.0
    odds_per_cost: float = 1.0
    noisy_odds_per_cost: float = 0.3
    noisy: float = 0.01
    below_odds: float = 8.0
    floor_odds: float = 3.0
    hidden_edge: float = 0.4
    raised_cube_odds: float = 2.0
    noisy_raised_cube_odds: float = 6.0
    noisy_other_odds: float = 5.0
    noisy_link_odds: float = 1.0
    occluding_odds: float = 2.0
    occluded_odds: float = 8.0
    certain_occlusion: float = 0.02


SUPPORT = SupportConfig()
