"""The plane that objects stand on."""

import numpy as np

from unity_depth_perception.core.ground_plane import GroundPlane, fit_ground_plane

NO_OBJECTS = np.empty((0, 3))


def test_a_wall_square_to_a_level_camera_leaves_up_as_it_is_known() -> None:
    """All background is one vertical plane: the best plane through it says nothing of the floor."""
    x, y = np.meshgrid(np.linspace(-1, 1, 20), np.linspace(-1, 1, 20))
    wall = np.stack([x.ravel(), y.ravel(), np.full(x.size, 2.0)], axis=1)
    up = np.array([0.0, -1.0, 0.0])
    floor = fit_ground_plane(wall, NO_OBJECTS, up)
    assert floor is not None
    assert floor.up.tolist() == up.tolist()


def test_the_noise_of_a_plane_is_that_measured_or_the_given_minimum() -> None:
    floor = GroundPlane(np.array([0.0, -1.0, 0.0]), offset_m=-0.5, noise_m=0.004)
    assert floor.with_min_noise(0.0).noise_m == 0.004
    assert floor.with_min_noise(0.02).noise_m == 0.01
