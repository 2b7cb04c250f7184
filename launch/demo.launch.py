"""virtual_unity_node and perception_node, without end, to be viewed in RViz.

ros2 launch unity_depth_perception demo.launch.py rate_hz:=5.0
"""

from pathlib import Path

from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node
from launch_ros.parameter_descriptions import ParameterValue

from launch import LaunchDescription

SCENE = {
    "width": (int, "1024", "image width [px]"),
    "height": (int, "1024", "image height [px]"),
    "rate_hz": (float, "4.0", "frames per second"),
    "seed": (int, "1", "seed of the first scene"),
}


def generate_launch_description() -> LaunchDescription:
    """Perception with all its arguments, and virtual Unity as its camera."""
    # A plain path, unlike a substitution, lets `--show-args` list the arguments of the included file too.
    perception = PythonLaunchDescriptionSource(str(Path(__file__).with_name("perception.launch.py")))
    scene = {name: ParameterValue(LaunchConfiguration(name), value_type=kind) for name, (kind, _, _) in SCENE.items()}
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(name, default_value=default, description=description)
                for name, (_, default, description) in SCENE.items()
            ),
            # Before perception's own: the demo needs no download.
            DeclareLaunchArgument("depth_model", default_value="compact", description="depth back end by name"),
            # Before the camera: it declares `camera` and sets the DDS profile for both nodes.
            IncludeLaunchDescription(perception),
            Node(
                package="unity_depth_perception",
                executable="virtual_unity_node",
                namespace=LaunchConfiguration("camera"),
                parameters=[scene],
                output="screen",
            ),
        ]
    )
