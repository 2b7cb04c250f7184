"""perception_node for one camera.

    ros2 launch unity_depth_perception perception.launch.py camera:=/unity/camera vertical_fov_deg:=60.0

Several cameras at once: launch it several times with other values of `camera` and `namespace`.
"""

from launch.actions import DeclareLaunchArgument, SetEnvironmentVariable
from launch.conditions import IfCondition
from launch.substitutions import LaunchConfiguration, NotEqualsSubstitution, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue
from launch_ros.substitutions import FindPackageShare

from launch import LaunchDescription

CONFIG = PathJoinSubstitution([FindPackageShare("unity_depth_perception"), "config"])
INPUTS = ("image_raw", "camera_info", "camera_pose")

ARGUMENTS = [
    DeclareLaunchArgument("camera", default_value="/unity/camera", description="namespace of the camera's topics"),
    DeclareLaunchArgument("namespace", default_value="/unity/perception", description="namespace of the results"),
    DeclareLaunchArgument(
        "params_file",
        default_value=PathJoinSubstitution([CONFIG, "perception.yaml"]),
        description="parameters of perception_node; the arguments below win over it",
    ),
    DeclareLaunchArgument("depth_model", default_value="compact", description="depth back end by name"),
    DeclareLaunchArgument(
        "segmentation_model", default_value="compact", description="segmentation by name, or path to a checkpoint"
    ),
    DeclareLaunchArgument("device", default_value="auto", description="auto, cpu, cuda, cuda:1, ..."),
    DeclareLaunchArgument(
        "vertical_fov_deg", default_value="0.0", description="field of view [deg] where no camera_info arrives"
    ),
    DeclareLaunchArgument(
        "dds_profile",
        default_value=PathJoinSubstitution([CONFIG, "fastdds_profile.xml"]),
        description="Fast DDS profile with large shared memory; empty: leave DDS as it is",
    ),
]


def generate_launch_description() -> LaunchDescription:
    """Arguments, the DDS profile, the node."""
    profile = LaunchConfiguration("dds_profile")
    overrides = {
        name: ParameterValue(LaunchConfiguration(name), value_type=str)
        for name in ("depth_model", "segmentation_model", "device")
    }
    overrides["vertical_fov_deg"] = ParameterValue(LaunchConfiguration("vertical_fov_deg"), value_type=float)
    return LaunchDescription(
        [
            *ARGUMENTS,
            SetEnvironmentVariable(
                "FASTRTPS_DEFAULT_PROFILES_FILE", profile, condition=IfCondition(NotEqualsSubstitution(profile, ""))
            ),
            Node(
                package="unity_depth_perception",
                executable="perception_node",
                namespace=LaunchConfiguration("namespace"),
                parameters=[LaunchConfiguration("params_file"), overrides],
                remappings=[(name, [LaunchConfiguration("camera"), f"/{name}"]) for name in INPUTS],
                output="screen",
            ),
        ]
    )
