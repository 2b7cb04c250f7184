"""Topics that a live view can show: message type, history, and the kind of content that viewers get."""

from __future__ import annotations

from typing import Any, NamedTuple

from diagnostic_msgs.msg import DiagnosticArray
from sensor_msgs.msg import CameraInfo, Image, PointCloud2
from tf2_msgs.msg import TFMessage
from visualization_msgs.msg import MarkerArray

from unity_depth_perception.msg import ObjectDistanceArray
from unity_depth_perception.ros.topics.diagnostics import DIAGNOSTICS_TOPIC
from unity_depth_perception.view import foxglove_server as kinds


class ViewTopic(NamedTuple):
    """A topic: message type, kind of content, and the number of messages kept while the node is busy."""

    message_type: type[Any]
    kind: str
    depth: int = 1  # newest wins


OBJECTS, OVERLAY = "objects/distances", "debug/overlay"
TOPICS = {
    "image_raw": ViewTopic(Image, kinds.IMAGE),
    OVERLAY: ViewTopic(Image, kinds.IMAGE),
    "depth/image_rect": ViewTopic(Image, kinds.DEPTH),
    "depth/camera_info": ViewTopic(CameraInfo, kinds.CAMERA),
    "depth/points": ViewTopic(PointCloud2, kinds.CLOUD),
    "reconstruction/points": ViewTopic(PointCloud2, kinds.CLOUD),
    "objects/markers": ViewTopic(MarkerArray, kinds.SCENE),
    OBJECTS: ViewTopic(ObjectDistanceArray, kinds.DISTANCES),
    "/tf": ViewTopic(TFMessage, kinds.FRAMES, 100),
    "/tf_static": ViewTopic(TFMessage, kinds.FRAMES, 100),
    DIAGNOSTICS_TOPIC: ViewTopic(DiagnosticArray, kinds.DIAGNOSTICS, 10),
}
