"""Tours as samples: the images of one camera that moves through one room, with exact truth, poses and stamps."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import InputError
from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.synthetic.appearance import paint_box
from unity_depth_perception.synthetic.object_placement import place_boxes, place_clutter
from unity_depth_perception.synthetic.random_scene import random_room, random_scene, scaled_scene
from unity_depth_perception.synthetic.samples import render_sample
from unity_depth_perception.synthetic.scene import CUBE_EDGE_M, Box, Scene
from unity_depth_perception.synthetic.tours.camera_path import (
    MOTIONS,
    MOVING_SHARE,
    CameraPath,
    Motion,
    draw_path,
    progress,
)
from unity_depth_perception.synthetic.tours.moving_objects import Mover, draw_movers, moved_boxes
from unity_depth_perception.synthetic.variety import USUAL, Variety

_LEAST_OBJECTS = 4
_LEAST_CLEARANCE_EDGES = 2.0  # between the camera and anything that stands in the room
_LEAST_HEIGHT_EDGES = 1.5
_LEAST_IN_VIEW = 0.95  # share of the round in which the camera sees a cube
_IN_VIEW = 0.9  # of the image's half width and height
_CHECKS = 200  # moments of a round at which a tour is checked
_TRIES = 500
_NS_PER_S = 1_000_000_000


@dataclass(frozen=True)
class TourConfig:
    """What a tour shows.

    Attributes:
        frames: number of images.
        rate_hz: images per second.
        motion: `orbit` goes around the objects at an even distance, `walk` comes nearer and goes away and looks from
            one object to the next, `stop-and-go` walks with stops in which nothing of the camera moves.
        speed_m_s: speed of the camera, of `stop-and-go` while it moves; None: the images are one round.
        moving_objects: whether objects slide and turn.
    """

    frames: int
    rate_hz: float = 10.0
    motion: Motion = "orbit"
    speed_m_s: float | None = None
    moving_objects: bool = False

    def __post_init__(self) -> None:
        if self.frames < 1:
            raise InputError(f"expected a tour of 1 or more frames, got {self.frames}")
        if not 0 < self.rate_hz <= 1000:
            raise InputError(f"expected a rate above 0 and up to 1000 frames per second, got {self.rate_hz}")
        if self.motion not in MOTIONS:
            raise InputError(f"expected a motion of {', '.join(MOTIONS)}; got {self.motion!r}")
        if self.speed_m_s is not None and not 0 < self.speed_m_s < math.inf:
            raise InputError(f"expected a speed above 0 m/s, got {self.speed_m_s}")


class Tour:
    """The samples of a tour by number; those after the last one go on with the next round.

    The id of an object is the index of its box in the room, so that it is the same in all images; ids of objects that
    an image does not show are left out. Frame k has the stamp (k + 1) / rate_hz, as 0 stands for no stamp in ROS.

    Attributes:
        config: what it shows.
        camera: of all images.
    """

    def __init__(
        self,
        config: TourConfig,
        seed: int,
        width: int,
        height: int,
        fov_rad: float | None = None,
        edge_m: float = CUBE_EDGE_M,
        variety: Variety = USUAL,
    ) -> None:
        """Draw room, objects and path of a seed; arguments as of `random_scene`.

        Raises:
            InputError: with this field of view no path shows the objects.
        """
        look = random_scene(seed, width, height, fov_rad, variety=variety)
        rng = np.random.default_rng([seed, 1])
        boxes, clutter, self._movers, self._path = _draw(rng, look.camera, config, variety)
        reach_m = sum(float(np.linalg.norm(mover.slide_m)) for mover in self._movers)
        corners = [
            box.center_m + side * (np.linalg.norm(box.size_m) + reach_m) for box in boxes + clutter for side in (-1, 1)
        ]
        self._room = replace(
            look,
            boxes=tuple(paint_box(rng, box, variety) for box in boxes),
            clutter=tuple(paint_box(rng, thing, variety) for thing in clutter),
            room=random_room(rng, np.stack([*self._path.eyes, *corners])),
        )
        self._factor = edge_m / CUBE_EDGE_M
        self.config = config
        self.camera = look.camera
        self.names = tuple(f"{number:05d}.png" for number in range(config.frames))

    @property
    def round_frames(self) -> float:
        """Number of frames until the camera is where it started."""
        config = self.config
        if config.speed_m_s is None:
            return config.frames
        moving_share = MOVING_SHARE if config.motion == "stop-and-go" else 1.0
        return self._factor * self._path.length_m / config.speed_m_s / moving_share * config.rate_hz

    def __len__(self) -> int:
        return self.config.frames

    def __getitem__(self, number: int) -> Sample:
        """Render a frame."""
        if not 0 <= number < len(self):
            raise IndexError(number)
        return self.frame(number)

    def frame(self, number: int) -> Sample:
        """Render a frame of any number from 0 on."""
        sample = render_sample(self.scene(number), keep_ids=True)
        stamp_ns = round((number + 1) / self.config.rate_hz * _NS_PER_S)
        return replace(sample, name=f"{number:05d}.png", stamp_ns=stamp_ns)

    def scene(self, number: int) -> Scene:
        """The room as it is in a frame: camera pose and boxes."""
        time = number / self.round_frames
        scene = replace(
            self._room,
            boxes=moved_boxes(self._room.boxes, self._movers, time),
            world_from_camera=self._path.pose(progress(self.config.motion, time)),
            image_number=number,
        )
        return scene if self._factor == 1 else scaled_scene(scene, self._factor)


def _draw(
    rng: np.random.Generator, camera: Camera, config: TourConfig, variety: Variety
) -> tuple[tuple[Box, ...], tuple[Box, ...], tuple[Mover, ...], CameraPath]:
    """Draw boxes, clutter, movers and a path until all of them fit each other."""
    nearest, farthest = (CUBE_EDGE_M * edges for edges in variety.distance_edges)
    for _ in range(_TRIES):
        boxes = place_boxes(rng, CUBE_EDGE_M, variety)
        if len(boxes) < _LEAST_OBJECTS or all(box.parent is None for box in boxes):
            continue
        clutter = place_clutter(rng, boxes, CUBE_EDGE_M, variety)
        movers = draw_movers(rng, boxes, clutter, CUBE_EDGE_M) if config.moving_objects else ()
        if config.moving_objects and not movers:
            continue
        path = draw_path(rng, config.motion, boxes, (1.3 * nearest, farthest), variety.pitch_deg)
        if _is_good(path, config.motion, camera, boxes, clutter, movers):
            return boxes, clutter, movers, path
    raise InputError(
        f"no path shows the objects to a camera with a vertical field of view of "
        f"{math.degrees(camera.vertical_fov_rad):.1f} deg; choose one of 20 to 100 deg, or another seed"
    )


def _is_good(
    path: CameraPath,
    motion: Motion,
    camera: Camera,
    boxes: Sequence[Box],
    clutter: Sequence[Box],
    movers: Sequence[Mover],
) -> bool:
    """Whether the camera keeps clear of floor and objects, and nearly always sees a cube."""
    misses = 0
    for time in np.arange(_CHECKS) / _CHECKS:
        pose = path.pose(progress(motion, float(time)))
        moved = moved_boxes(boxes, movers, float(time))
        eye = pose[:3, 3]
        if eye[2] < _LEAST_HEIGHT_EDGES * CUBE_EDGE_M:
            return False
        if min(_distance_m(solid, eye) for solid in itertools.chain(moved, clutter)) < (
            _LEAST_CLEARANCE_EDGES * CUBE_EDGE_M
        ):
            return False
        misses += not any(_is_in_view(camera, pose, box) for box in moved if box.category.endswith("_cube"))
        if misses > (1 - _LEAST_IN_VIEW) * _CHECKS:
            return False
    return True


def _distance_m(box: Box, point: NDArray[np.float64]) -> float:
    """Distance of a point from a box, 0 inside; of other forms from the box that they fill."""
    outside = np.abs((point - box.center_m) @ box.world_from_box) - box.size_m / 2
    return float(np.linalg.norm(np.maximum(outside, 0)))


def _is_in_view(camera: Camera, pose: NDArray[np.float64], box: Box) -> bool:
    u, v = camera.project((box.center_m - pose[:3, 3]) @ pose[:3, :3])
    return bool(abs(2 * u / camera.width - 1) < _IN_VIEW and abs(2 * v / camera.height - 1) < _IN_VIEW)
