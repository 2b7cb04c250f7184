"""virtual_unity_node and perception_node, without end, to be viewed in RViz.

ros2 launch unity_depth_perception demo.launch.py rate_hz:=5.0 source:=tour
"""

from pathlib import Path

from launch.actions import DeclareLaunchArgument, IncludeLaunchDescription, OpaqueFunction
from launch.launch_context import LaunchContext
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration
from launch_ros.actions import Node

from launch import LaunchDescription
from unity_depth_perception.ros.launch_arguments import camera_list, typed

SCENE = {
    "width": (int, "1024", "image width [px]"),
    "height": (int, "1024", "image height [px]"),
    "rate_hz": (float, "4.0", "frames per second"),
    "seed": (int, "1", "seed of the first scene, or of the tour"),
    "source": (str, "synthetic", "synthetic: one random scene after the other; tour: a camera that moves in one room"),
    "motion": (str, "orbit", "how the camera of a tour moves: orbit, walk or stop-and-go"),
    "moving_objects": (bool, "false", "some objects of a tour slide and turn"),
}


def generate_launch_description() -> LaunchDescription:
    """Perception with all its arguments, and virtual Unity as its camera."""
    # A plain path, unlike a substitution, lets `--show-args` list the arguments of the included file too.
    perception = PythonLaunchDescriptionSource(str(Path(__file__).with_name("perception.launch.py")))
    return LaunchDescription(
        [
            *(
                DeclareLaunchArgument(name, default_value=default, description=description)
                for name, (_, default, description) in SCENE.items()
            ),
            # Before perception's own: the demo needs no download.
            DeclareLaunchArgument("depth_model", default_value="compact", description="depth back end by name"),
            OpaqueFunction(function=lambda context: [] if scene_of(context) else None),  # checks
            # Before the camera: it declares `camera` and sets the DDS profile for both nodes.
            IncludeLaunchDescription(perception),
            OpaqueFunction(function=virtual_cameras),
        ]
    )


def virtual_cameras(context: LaunchContext) -> list[Node]:
    """virtual_unity_node for every camera, each with scenes of its own."""
    scene = scene_of(context)
    return [
        Node(
            package="unity_depth_perception",
            executable="virtual_unity_node",
            namespace=camera,
            parameters=[scene | {"seed": scene["seed"] + 1000 * index}],
            output="screen",
        )
        for index, camera in enumerate(camera_list(LaunchConfiguration("camera").perform(context)))
    ]


def scene_of(context: LaunchContext) -> dict[str, int | float | str | bool]:
    """Parameters of virtual_unity_node."""
    return {name: typed(name, kind, LaunchConfiguration(name).perform(context)) for name, (kind, *_) in SCENE.items()}
