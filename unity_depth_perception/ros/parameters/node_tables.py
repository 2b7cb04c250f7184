"""Parameter tables of the nodes; parameters that several nodes share are declared once. The order has no meaning."""

from __future__ import annotations

import math
from dataclasses import dataclass

from unity_depth_perception.pipeline import Limits
from unity_depth_perception.ros.parameters.model_tables import DepthModelConfig, SegmentationModelConfig
from unity_depth_perception.ros.parameters.spec import parameter
from unity_depth_perception.ros.topics.outputs import DEPTH_OUTPUTS, DISTANCE_OUTPUTS, OUTPUTS, SEGMENTATION_OUTPUTS

RELIABILITIES = ("auto", "reliable", "best_effort")
TRANSPORTS = ("raw", "compressed")
CHOICES = ("auto", "true", "false")
_OUTPUTS_HELP = "topics to publish; one that is left out is not computed even if it has subscribers"


@dataclass(frozen=True)
class FrameConfig:
    """Parameters of every node that processes frames."""

    autostart: bool = parameter(True, "configure and activate at start, without a lifecycle manager")
    device: str = parameter("auto", "torch device: auto, cpu, cuda, cuda:1, ...")
    camera_intrinsics_file: str = parameter(
        "", "camera_intrinsics.json, used when no camera_info arrives; also tells the image size to prepare models for"
    )
    vertical_fov_deg: float = parameter(
        0.0,
        "vertical field of view [deg] (Unity's Camera.fieldOfView), used when there is neither camera_info nor a file; "
        "0: unknown",
        minimum=0.0,
        maximum=179.0,
    )
    rectified: str = parameter(
        "auto",
        "whether the pictures are rectified, so that P of camera_info counts; false: K and D count, and the picture is "
        "undistorted; auto: true for a topic with `rect` in its name",
        choices=CHOICES,
    )
    frame_id: str = parameter(
        "", "frame_id of the results, an optical frame (x right, y down, z forward); empty: that of the images"
    )
    outputs: tuple[str, ...] = parameter(OUTPUTS, _OUTPUTS_HELP, choices=OUTPUTS, read_only=False)

    @property
    def limits(self) -> Limits:
        """Objects and depths that the node leaves out: none."""
        return Limits()


@dataclass(frozen=True)
class ImageConfig(FrameConfig):
    """Parameters of the nodes that take colour images."""

    image_transport: str = parameter(
        "raw", "raw: image_raw; compressed: image_raw/compressed (JPEG, PNG)", choices=TRANSPORTS
    )
    image_reliability: str = parameter(
        "auto", "reliability of the image subscription; auto adopts the publisher's", choices=RELIABILITIES
    )
    max_image_pixels: int = parameter(
        64_000_000, "compressed images of more pixels are refused undecoded", minimum=1, maximum=2**31 - 1
    )
    flip_vertical: bool = parameter(
        False, "the image's first row is its bottom row, as in the raw bytes of a Unity texture", read_only=False
    )


@dataclass(frozen=True)
class PoseConfig:
    """Source of the camera pose."""

    world_frame: str = parameter(
        "", "fixed frame with z up: the camera's pose is then taken from tf (needs tf2_ros); empty: from camera_pose"
    )
    pose_tolerance_s: float = parameter(
        0.05,
        "how far the stamp of a pose may lie from that of its image [s]; of two around the image the pose is "
        "interpolated; 0: they must be the same",
        minimum=0.0,
        maximum=10.0,
    )
    publish_tf: str = parameter(
        "auto",
        "tf of the camera from camera_pose: pose_frame -> body -> optical frame; auto: unless the camera's frame has a "
        "parent in tf already",
        choices=CHOICES,
    )
    pose_frame: str = parameter("world", "name in tf of the world that camera_pose is in")
    target_frame: str = parameter(
        "",
        "frame of 3D boxes, positions, markers and cloud, at the image's stamp: pose_frame or world_frame, or the "
        "camera's body frame; empty: the optical frame",
    )


@dataclass(frozen=True)
class DepthRangeConfig:
    """Range of valid depth."""

    min_depth_m: float = parameter(
        0.0, "what is nearer [m] becomes invalid (NaN)", minimum=0.0, maximum=1000.0, read_only=False
    )
    max_depth_m: float = parameter(
        0.0, "what is farther [m] becomes +Inf, like sky; 0: no limit", minimum=0.0, maximum=100_000.0, read_only=False
    )

    @property
    def far_m(self) -> float:
        """The largest valid depth [m]; infinite without a limit."""
        return self.max_depth_m or math.inf


@dataclass(frozen=True)
class PerceptionConfig(SegmentationModelConfig, DepthModelConfig, DepthRangeConfig, PoseConfig, ImageConfig):
    """Parameters of perception_node."""

    temporal: str = parameter("none", "poses: align depth to earlier frames by their poses", choices=("none", "poses"))
    reconstruction_keyframes: int = parameter(
        60, "keyframes kept for ~/reconstruct, up to 1.8 MB each; 0: off", minimum=0, maximum=1000, read_only=False
    )

    @property
    def limits(self) -> Limits:
        """Limits of score and depth."""
        return Limits(self.min_score, self.min_depth_m, self.far_m)


@dataclass(frozen=True)
class DepthConfig(DepthModelConfig, DepthRangeConfig, ImageConfig):
    """Parameters of depth_node, which takes no camera pose."""

    scale: str = parameter(
        "none",
        "metres of a depth model that knows none: none refuses it; fixed takes metres_per_unit",
        choices=("none", "fixed"),
    )
    outputs: tuple[str, ...] = parameter(DEPTH_OUTPUTS, _OUTPUTS_HELP, choices=DEPTH_OUTPUTS, read_only=False)

    @property
    def limits(self) -> Limits:
        """Limits of depth."""
        return Limits(0.0, self.min_depth_m, self.far_m)


@dataclass(frozen=True)
class SegmentationConfig(SegmentationModelConfig, ImageConfig):
    """Parameters of segmentation_node."""

    outputs: tuple[str, ...] = parameter(
        SEGMENTATION_OUTPUTS, _OUTPUTS_HELP, choices=SEGMENTATION_OUTPUTS, read_only=False
    )

    @property
    def limits(self) -> Limits:
        """Limit of score."""
        return Limits(self.min_score)


@dataclass(frozen=True)
class DistanceConfig(DepthRangeConfig, PoseConfig, FrameConfig):
    """Parameters of distance_node."""

    outputs: tuple[str, ...] = parameter(DISTANCE_OUTPUTS, _OUTPUTS_HELP, choices=DISTANCE_OUTPUTS, read_only=False)
    sync_tolerance_s: float = parameter(
        0.0,
        "how far the stamps of depth and instance image may lie apart [s]; 0: they must be the same",
        minimum=0.0,
        maximum=10.0,
    )
    depth_scatter: float = parameter(
        0.0,
        "standard deviation of object depths, relative to their distance, where the floor's depths do not show it; "
        "0.02 beside a depth_node with depth_model compact",
        minimum=0.0,
        maximum=1.0,
    )

    @property
    def limits(self) -> Limits:
        """Limits of depth."""
        return Limits(0.0, self.min_depth_m, self.far_m)
