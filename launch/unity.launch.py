"""Unity's TCP endpoint and perception, for a Unity project with ROS-TCP-Connector.

ros2 launch unity_depth_perception unity.launch.py rviz:=true
ros2 launch unity_depth_perception unity.launch.py camera:=/unity/left,/unity/right ros_ip:=0.0.0.0

Needs the package ros_tcp_endpoint (Unity's ROS-TCP-Endpoint, branch main-ros2).
"""

from pathlib import Path

from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from launch import LaunchDescription

ENDPOINT = {
    "ROS_IP": ParameterValue(LaunchConfiguration("ros_ip"), value_type=str),
    "ROS_TCP_PORT": ParameterValue(LaunchConfiguration("ros_tcp_port"), value_type=int),
}


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
            # First: it sets the DDS profile for all nodes.
            IncludeLaunchDescription(perception),
            Node(package="unity_depth_perception", executable="unity_endpoint", parameters=[ENDPOINT], output="screen"),
        ]
    )
