"""Scenes of a reconstruction as messages: cloud, poses, path."""

from __future__ import annotations

import torch
from geometry_msgs.msg import PoseArray, PoseStamped
from nav_msgs.msg import Path
from sensor_msgs.msg import PointCloud2
from std_msgs.msg import Header

from unity_depth_perception.export.point_selection import select_points
from unity_depth_perception.export.scene import Scene
from unity_depth_perception.ops.cloud import pack_points
from unity_depth_perception.ros.conversions.camera_info import pose_message
from unity_depth_perception.ros.conversions.headers import time_message
from unity_depth_perception.ros.conversions.objects_and_clouds import packed_cloud_message

MAX_POINTS = 1_000_000
"""Points of a cloud message, 16 MB; of more, a seeded selection is taken."""


def scene_cloud_message(header: Header, scene: Scene) -> PointCloud2:
    """The fused points of a scene: x y z rgb, in one row, all of them valid."""
    cloud = select_points(scene, MAX_POINTS)
    packed = pack_points(torch.from_numpy(cloud.points_m), torch.from_numpy(cloud.colours))
    return packed_cloud_message(header, packed[None], is_dense=True)


def pose_array_message(header: Header, scene: Scene) -> PoseArray:
    """Poses of the optical frames of a scene's views."""
    return PoseArray(header=header, poses=[pose_message(view.world_from_camera) for view in scene.views])


def path_message(header: Header, scene: Scene, stamps_ns: list[int]) -> Path:
    """The same poses, each with the stamp of its view."""
    poses = [
        PoseStamped(
            header=Header(stamp=time_message(stamp_ns), frame_id=header.frame_id),
            pose=pose_message(view.world_from_camera),
        )
        for view, stamp_ns in zip(scene.views, stamps_ns, strict=True)
    ]
    return Path(header=header, poses=poses)
