"""Unity's TCP endpoint and perception, for a Unity project with ROS-TCP-Connector.

ros2 launch unity_depth_perception unity.launch.py rviz:=true
ros2 launch unity_depth_perception unity.launch.py camera:=/unity/left,/unity/right ros_ip:=0.0.0.0

endpoint:=unity takes Unity's own endpoint, which needs the package ros_tcp_endpoint (branch main-ros2).
"""

from pathlib import Path

from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction
from launch.launch_context import LaunchContext
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from launch import LaunchDescription
from unity_depth_perception.core.errors import ConfigurationError
from unity_depth_perception.ros.launch_arguments import typed

EXECUTABLES = {"ours": "unity_endpoint", "unity": "unity_ros_tcp_endpoint"}


def generate_launch_description() -> LaunchDescription:
    """Perception with all its arguments, and the TCP endpoint that publishes Unity's images."""
    # A plain path, unlike a substitution, lets `--show-args` list the arguments of the included file too.
    perception = PythonLaunchDescriptionSource(str(Path(__file__).with_name("perception.launch.py")))
    return LaunchDescription(
        [
            DeclareLaunchArgument(
                "ros_ip",
                default_value="127.0.0.1",
                description="address to listen on; 0.0.0.0 lets any machine of the network in",
            ),
            DeclareLaunchArgument(
                "ros_tcp_port", default_value="10000", description="port, the same as in Unity's ROS Settings"
            ),
            DeclareLaunchArgument(
                "endpoint",
                default_value="ours",
                description="ours, or unity: Unity's ROS-TCP-Endpoint if installed",
            ),
            OpaqueFunction(function=lambda context: [] if endpoint(context) else None),  # checks
            # Before the endpoint: it sets the DDS profile for all nodes.
            IncludeLaunchDescription(perception),
            OpaqueFunction(function=endpoint),
        ]
    )


def endpoint(context: LaunchContext) -> list[Node]:
    """The endpoint that `endpoint` names."""
    value = {name: LaunchConfiguration(name).perform(context) for name in ("endpoint", "ros_ip", "ros_tcp_port")}
    if value["endpoint"] not in EXECUTABLES:
        raise ConfigurationError(f"endpoint: expected one of {', '.join(EXECUTABLES)}, got {value['endpoint']!r}")
    parameters = {"ROS_IP": value["ros_ip"], "ROS_TCP_PORT": typed("ros_tcp_port", int, value["ros_tcp_port"])}
    return [
        Node(
            package="unity_depth_perception",
            executable=EXECUTABLES[value["endpoint"]],
            parameters=[parameters],
            output="screen",
        )
    ]
