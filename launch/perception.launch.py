"""perception_node for one camera or for several, RViz on request.

ros2 launch unity_depth_perception perception.launch.py camera:=/unity/camera vertical_fov_deg:=60.0
ros2 launch unity_depth_perception perception.launch.py camera:=/unity/left,/unity/right
"""

from launch.actions import DeclareLaunchArgument, OpaqueFunction, SetEnvironmentVariable
from launch.conditions import IfCondition
from launch.launch_context import LaunchContext
from launch.launch_description_entity import LaunchDescriptionEntity
from launch.substitutions import LaunchConfiguration, NotEqualsSubstitution, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from launch import LaunchDescription
from unity_depth_perception.ros.dds_profile import PROFILE_VARIABLE, REQUIRED_BYTES, has_room_for_profile

PACKAGE = "unity_depth_perception"
CONFIG = PathJoinSubstitution([FindPackageShare(PACKAGE), "config"])
PROFILE = PathJoinSubstitution([CONFIG, "fastdds_profile.xml"])

INPUTS = ("image_raw", "image_raw/compressed", "camera_info", "camera_pose")
# The topics that config/perception.rviz displays.
RVIZ_CAMERA, RVIZ_NAMESPACE = "/unity/camera", "/unity/perception"
RVIZ_OUTPUTS = ("debug/overlay", "depth/points", "objects/markers")

# Parameters of the node that are launch arguments, with their types; an empty argument leaves them to params_file.
OVERRIDES = {
    "depth_model": (str, "depth back end by name, or weights by path"),
    "segmentation_model": (str, "segmentation by name, or path to a checkpoint"),
    "device": (str, "auto, cpu, cuda, cuda:1, ..."),
    "camera_intrinsics_file": (str, "camera_intrinsics.json, used where no camera_info arrives"),
    "vertical_fov_deg": (float, "field of view [deg] where neither camera_info nor a file is there"),
    "image_reliability": (str, "auto adopts the publisher's; reliable, best_effort"),
}


ARGUMENTS = [
    DeclareLaunchArgument(
        "camera", default_value=RVIZ_CAMERA, description="namespace of the camera's topics; several: /unity/a,/unity/b"
    ),
    DeclareLaunchArgument(
        "namespace",
        default_value=RVIZ_NAMESPACE,
        description="namespace of the results; of several cameras each has its own below it: /unity/perception/a",
    ),
    DeclareLaunchArgument(
        "params_file",
        default_value=PathJoinSubstitution([CONFIG, "perception.yaml"]),
        description="parameters of perception_node",
    ),
    *(
        DeclareLaunchArgument(name, default_value="", description=f"{text}; empty: as params_file says")
        for name, (_, text) in OVERRIDES.items()
    ),
    DeclareLaunchArgument("rviz", default_value="false", description="true: show everything in RViz"),
    DeclareLaunchArgument(
        "fixed_frame", default_value="unity_camera_optical", description="frame that RViz shows: the images' frame_id"
    ),
    DeclareLaunchArgument(
        "dds_profile",
        default_value=PROFILE if has_room_for_profile() else "",
        description="Fast DDS profile with large shared memory, for every node here; empty: leave DDS as it is "
        f"(the default where /dev/shm has less than {REQUIRED_BYTES >> 20} MiB)",
    ),
]


def generate_launch_description() -> LaunchDescription:
    """Arguments, the DDS profile, then the nodes of each camera."""
    profile = LaunchConfiguration("dds_profile")
    return LaunchDescription(
        [
            *ARGUMENTS,
            SetEnvironmentVariable(
                PROFILE_VARIABLE, profile, condition=IfCondition(NotEqualsSubstitution(profile, ""))
            ),
            OpaqueFunction(function=nodes_of_cameras),
        ]
    )


def nodes_of_cameras(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """perception_node, and RViz if requested, for every camera."""
    cameras = [name.strip() for name in LaunchConfiguration("camera").perform(context).split(",")]
    namespace = LaunchConfiguration("namespace").perform(context)
    nodes = []
    for camera in cameras:
        results = namespace if len(cameras) == 1 else f"{namespace}/{camera.rsplit('/', 1)[-1]}"
        nodes += [perception(context, camera, results), rviz(camera, results)]
    return nodes


def perception(context: LaunchContext, camera: str, namespace: str) -> Node:
    """perception_node; launch arguments that are not empty override params_file."""
    given = {name: LaunchConfiguration(name).perform(context) for name in OVERRIDES}
    overrides = {name: OVERRIDES[name][0](text) for name, text in given.items() if text}
    return Node(
        package=PACKAGE,
        executable="perception_node",
        namespace=namespace,
        parameters=[LaunchConfiguration("params_file"), overrides],
        remappings=[(name, f"{camera}/{name}") for name in INPUTS],
        output="screen",
    )


def rviz(camera: str, namespace: str) -> Node:
    """RViz with the shipped displays on the topics of this camera."""
    return Node(
        package="rviz2",
        executable="rviz2",
        namespace=namespace,
        arguments=["-d", PathJoinSubstitution([CONFIG, "perception.rviz"]), "-f", LaunchConfiguration("fixed_frame")],
        remappings=[
            (f"{RVIZ_CAMERA}/image_raw", f"{camera}/image_raw"),
            *((f"{RVIZ_NAMESPACE}/{name}", f"{namespace}/{name}") for name in RVIZ_OUTPUTS),
        ],
        condition=IfCondition(LaunchConfiguration("rviz")),
    )
