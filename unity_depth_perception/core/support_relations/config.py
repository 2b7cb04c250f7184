"""The constants of the ground plane and of support inference: each with its unit and the reason for its value."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class SupportConfig:
    """Constants of support inference. Costs are in standard deviations of the depth noise; log odds are natural.

    Attributes:
        plane_trials: planes that RANSAC tries.
        plane_samples: points of the background, and of the objects, that score each trial; more change no winner.
        plane_band: distance of an inlier from the plane, as a fraction of the scene's depth: the noise of predictions.
        plane_min_points: background points that a plane needs.
        plane_max_tilt_rad: tilt [rad] of the plane against gravity that a camera some pixels off explains.
        plane_exact_noise: noise, in camera heights, up to which a tilt in the depth is no error of the depth.
        same_depth: relative depth step of two pixels on touching surfaces, at most; a surface that slants by 80 degrees
            changes by less from pixel to pixel.
        depth_noise: relative depth step that may be rounding: smaller steps separate no surfaces.
        mask_gap: gap between the predicted masks of touching objects, in longer sides of the image, at most.
        min_points: points that an object needs; fewer tell no extent.
        max_points: points of an object that are used, at most; more cost time and change no link.
        tail: fraction of an object's points beyond its lower and upper end where depth is exact: the tip of a tilted
            box shows in few points.
        tail_per_noise, noise_tail: what noisy depth adds to `tail`, per relative noise beyond `exact_noise` and at
            most: it scatters some points beyond the ends.
        exact_noise: noise of the ground plane, in camera heights, up to which depth counts as rendered or measured.
        end: fraction of an object's points that show whether a level face ends it: a mask lacks no rim there.
        height_error: error of an object's depth against the ground's where depth is exact, relative: half a pixel.
        error_per_noise: what the ground plane's relative noise adds to `height_error`, in multiples of it.
        max_shift: how far along its rays an object may move to meet its supporter, in standard deviations.
        max_height_cost: of a supporter at the wrong height where the lower end is visible: beyond, all is impossible.
        hidden_height_cost: of a supporter below the visible part where the lower end is hidden: no surprise.
        place_tolerance: horizontal distance of an object's centre from its supporter's footprint, as a fraction of the
            smaller of the two objects.
        outline_noise: fraction of a lower edge whose pixels may show what is beside it.
        min_overlap: fraction of an object's points above a supporter that tells at which height it passes over it.
        min_cost, max_cost: costs of a supporter against the floor are clipped to these: beyond, they tell no more.
        odds_per_cost, noisy_odds_per_cost: log odds per cost where depth is exact, and where it is noisy.
        noisy: noise of the ground plane, in camera heights, from which on depth counts as noisy.
        below_odds: log odds of an object that is all that is visible below another.
        floor_odds: log odds of the floor where nothing is known of the lower edge.
        hidden_edge: what a hidden part of the lower edge counts of a visible one: any object may be behind.
        raised_cube_odds, noisy_raised_cube_odds: log odds against a cube on another object, which is rare; and what
            noisy depth adds.
        noisy_other_odds: log odds against a supporter that is no cube where depth is noisy; cubes are the usual ones.
        noisy_link_odds: log odds against any supporter where depth is noisy.
        occluding_odds: log odds of a supporter that the object occludes in part, where depth is noisy.
        occluded_odds: log odds against a supporter that occludes the object in part, where depth is noisy: what stands
            on another object is not behind it.
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
