"""Stamps and headers: nanoseconds to ROS time and back, and the header that every message about a frame carries."""

from __future__ import annotations

from builtin_interfaces.msg import Time
from std_msgs.msg import Header

from unity_depth_perception.pipeline import PerceptionResult

_NS_PER_S = 1_000_000_000


def time_message(stamp_ns: int) -> Time:
    """The Time message of a stamp [ns]."""
    return Time(sec=stamp_ns // _NS_PER_S, nanosec=stamp_ns % _NS_PER_S)


def header_of(result: PerceptionResult) -> Header:
    """Stamp and frame_id of the frame that a result belongs to."""
    return Header(stamp=time_message(result.frame.stamp_ns), frame_id=result.frame.frame_id)
