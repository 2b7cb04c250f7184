"""Placement of results in another frame than the camera's optical one (parameter target_frame)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from geometry_msgs.msg import Point, Pose
from numpy.typing import NDArray
from std_msgs.msg import Header

from unity_depth_perception.ros.conversions.camera_info import pose_message


@dataclass(frozen=True)
class Placement:
    """Where boxes, positions and the cloud of one frame are expressed.

    Attributes:
        frame_id: name of the frame; empty: the optical frame, as the header of the image has it.
        target_from_optical: (4, 4) transform at the stamp of the image; None: identity.
    """

    frame_id: str = ""
    target_from_optical: NDArray[np.float64] | None = None

    def header(self, header: Header) -> Header:
        """The header of a placed message: the image's stamp, in this frame."""
        return Header(stamp=header.stamp, frame_id=self.frame_id or header.frame_id)

    def point(self, position_m: tuple[float, float, float]) -> Point:
        """A point of the optical frame [m]."""
        x, y, z = position_m
        if self.target_from_optical is not None:
            x, y, z = (float(v) for v in (self.target_from_optical @ [x, y, z, 1.0])[:3])
        return Point(x=x, y=y, z=z)

    def pose(self, center_m: tuple[float, float, float]) -> Pose:
        """Pose of a box with this centre [m], aligned with the axes of the optical frame."""
        if self.target_from_optical is None:
            return Pose(position=self.point(center_m))
        pose = pose_message(self.target_from_optical)
        pose.position = self.point(center_m)
        return pose


OPTICAL = Placement()
