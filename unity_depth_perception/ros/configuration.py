"""The parameter tables of the nodes."""

from __future__ import annotations

from dataclasses import dataclass

from unity_depth_perception.ros.parameters import parameter

DEPTH_ENCODINGS = ("32FC1", "16UC1")
RELIABILITIES = ("auto", "reliable", "best_effort")


@dataclass(frozen=True)
class PerceptionConfig:
    """Parameters of perception_node."""

    autostart: bool = parameter(True, "configure and activate at start, without a lifecycle manager")
    depth_model: str = parameter("compact", "depth back end by name; compact is embedded and needs no download")
    segmentation_model: str = parameter("compact", "segmentation by name, or path to a trained checkpoint")
    device: str = parameter("auto", "torch device: auto, cpu, cuda, cuda:1, ...")
    camera_intrinsics_file: str = parameter("", "camera_intrinsics.json, used when no camera_info arrives")
    vertical_fov_deg: float = parameter(
        0.0,
        "vertical field of view [deg] (Unity's Camera.fieldOfView), used when there is neither camera_info nor a file; "
        "0: unknown",
        minimum=0.0,
        maximum=179.0,
    )
    image_reliability: str = parameter(
        "auto", "reliability of the image subscription; auto adopts the publisher's offer", choices=RELIABILITIES
    )
    depth_encoding: str = parameter(
        "32FC1", "depth/image_rect in metres (32FC1) or millimetres (16UC1)", choices=DEPTH_ENCODINGS, read_only=False
    )


@dataclass(frozen=True)
class VirtualUnityConfig:
    """Parameters of virtual_unity_node."""

    autostart: bool = parameter(True, "configure and activate at start, without a lifecycle manager")
    width: int = parameter(1024, "image width [px]", minimum=16, maximum=8192)
    height: int = parameter(1024, "image height [px]", minimum=16, maximum=8192)
    vertical_fov_deg: float = parameter(
        0.0, "vertical field of view [deg]; 0: each scene draws its own", minimum=0.0, maximum=120.0
    )
    rate_hz: float = parameter(10.0, "frames per second", minimum=0.1, maximum=120.0)
    seed: int = parameter(0, "seed of the first scene; the next scene has the next seed", minimum=0, maximum=2**31 - 1)
    frames: int = parameter(0, "frames to publish before falling silent; 0: endless", minimum=0, maximum=10**9)
    frames_per_scene: int = parameter(10, "frames that show the same scene", minimum=1, maximum=10**6)
    frame_id: str = parameter("unity_camera_optical", "frame_id of everything that is published")
