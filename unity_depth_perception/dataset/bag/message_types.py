"""Message types of bags: those of ROS 2 Jazzy, this package's own and vision_msgs, without a ROS installation.

A pip install has no .msg files, so the definitions stand here; a test compares them with the files.
"""

from __future__ import annotations

from rosbags.typesys import Stores, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

DEFINITIONS = {
    "unity_depth_perception/msg/DistanceStatistics": """
        float32 center
        float32 mean
        float32 median
        float32 min
        float32 max""",
    "unity_depth_perception/msg/ObjectDistance": """
        int32 id
        int32 parent_id
        string category
        float32 score
        sensor_msgs/RegionOfInterest bbox
        DistanceStatistics distance
        float32 range
        geometry_msgs/Point position
        float32 valid_ratio
        uint32 pixel_count""",
    "unity_depth_perception/msg/ObjectDistanceArray": """
        std_msgs/Header header
        string depth_model
        string segmentation_model
        ObjectDistance[] objects""",
    "vision_msgs/msg/Point2D": "float64 x\nfloat64 y",
    "vision_msgs/msg/Pose2D": "vision_msgs/Point2D position\nfloat64 theta",
    "vision_msgs/msg/BoundingBox2D": "vision_msgs/Pose2D center\nfloat64 size_x\nfloat64 size_y",
    "vision_msgs/msg/BoundingBox3D": "geometry_msgs/Pose center\ngeometry_msgs/Vector3 size",
    "vision_msgs/msg/ObjectHypothesis": "string class_id\nfloat64 score",
    "vision_msgs/msg/ObjectHypothesisWithPose": """
        ObjectHypothesis hypothesis
        geometry_msgs/PoseWithCovariance pose""",
    "vision_msgs/msg/Detection2D": """
        std_msgs/Header header
        ObjectHypothesisWithPose[] results
        BoundingBox2D bbox
        string id""",
    "vision_msgs/msg/Detection2DArray": "std_msgs/Header header\nDetection2D[] detections",
    "vision_msgs/msg/Detection3D": """
        std_msgs/Header header
        ObjectHypothesisWithPose[] results
        BoundingBox3D bbox
        string id""",
    "vision_msgs/msg/Detection3DArray": "std_msgs/Header header\nDetection3D[] detections",
    "vision_msgs/msg/VisionClass": "uint16 class_id\nstring class_name",
    "vision_msgs/msg/LabelInfo": """
        std_msgs/Header header
        vision_msgs/VisionClass[] class_map
        float32 threshold""",
}
"""Definition (.msg text without comments) of each type that rosbags does not know, by its full name."""


def message_types() -> Typestore:
    """A new type store that knows the types of ROS 2 Jazzy and DEFINITIONS."""
    store = get_typestore(Stores.ROS2_JAZZY)
    for name, text in DEFINITIONS.items():
        store.register(get_types_from_msg(text, name))
    return store
