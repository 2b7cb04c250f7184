"""Parameter table of virtual_unity_node."""

from __future__ import annotations

from dataclasses import dataclass

from unity_depth_perception.ros.parameters.node_tables import TRANSPORTS
from unity_depth_perception.ros.parameters.spec import parameter
from unity_depth_perception.synthetic.tours.camera_path import MOTIONS

SOURCES = ("synthetic", "tour", "dataset", "video")
COLOUR_ENCODINGS = ("rgb8", "rgba8", "bgr8", "bgra8")


@dataclass(frozen=True)
class VirtualUnityConfig:
    """Parameters of virtual_unity_node."""

    autostart: bool = parameter(True, "configure and activate at start, without a lifecycle manager")
    source: str = parameter(
        "synthetic",
        "synthetic: random scenes; tour: a camera that moves in one room; dataset: the folder `path`; video: the file",
        choices=SOURCES,
    )
    path: str = parameter("", "dataset folder or video file; both start again at their end")
    width: int = parameter(1024, "image width [px] of scenes and tours", minimum=16, maximum=8192)
    height: int = parameter(1024, "image height [px] of scenes and tours", minimum=16, maximum=8192)
    vertical_fov_deg: float = parameter(
        0.0,
        "vertical field of view [deg] of scenes, tours and videos; 0: each scene or tour draws its own",
        minimum=0.0,
        maximum=120.0,
    )
    rate_hz: float = parameter(10.0, "frames per second", minimum=0.1, maximum=120.0)
    jitter: float = parameter(
        0.0, "largest deviation of a frame's interval, relative to the interval", minimum=0.0, maximum=0.9
    )
    seed: int = parameter(
        0, "seed of the tour or of the first scene; the next scene has the next seed", minimum=0, maximum=2**31 - 1
    )
    frames: int = parameter(0, "frames to publish before it stops; 0: endless", minimum=0, maximum=10**9)
    frames_per_scene: int = parameter(10, "frames that show the same synthetic scene", minimum=1, maximum=10**6)
    tour_frames: int = parameter(200, "frames of one round of a tour; the next round follows", minimum=1, maximum=10**6)
    motion: str = parameter("orbit", "how the camera of a tour moves", choices=MOTIONS)
    moving_objects: bool = parameter(False, "some objects of a tour slide and turn")
    frame_id: str = parameter("unity_camera_optical", "frame_id of everything that is published")
    image_transport: str = parameter(
        "raw", "raw: image_raw; compressed: image_raw/compressed (JPEG)", choices=TRANSPORTS
    )
    encoding: str = parameter("rgb8", "encoding of raw images", choices=COLOUR_ENCODINGS)
    flip_vertical: bool = parameter(False, "send the bottom row first, as the raw bytes of a Unity texture are")
    camera_info: bool = parameter(True, "publish camera_info; some Unity projects don't")
