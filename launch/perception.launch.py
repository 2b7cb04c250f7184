"""perception_node for one camera or for several, RViz on request.

ros2 launch unity_depth_perception perception.launch.py camera:=/unity/camera vertical_fov_deg:=60.0
ros2 launch unity_depth_perception perception.launch.py camera:=/unity/left,/unity/right
"""

from typing import Any

from ament_index_python.packages import PackageNotFoundError, get_package_prefix
from launch.actions import DeclareLaunchArgument, LogInfo, OpaqueFunction, SetEnvironmentVariable
from launch.conditions import IfCondition
from launch.launch_context import LaunchContext
from launch.launch_description_entity import LaunchDescriptionEntity
from launch.substitutions import LaunchConfiguration, NotEqualsSubstitution, PathJoinSubstitution
from launch_ros.actions import Node
from launch_ros.substitutions import FindPackageShare

from launch import LaunchDescription
from unity_depth_perception.ros.dds_profile import PROFILE_VARIABLE, REQUIRED_BYTES, has_room_for_profile, user_profile
from unity_depth_perception.ros.launch_arguments import camera_list, choice, is_true, results_of, typed

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
        "view",
        default_value="none",
        description="foxglove: live view in Foxglove (ports 8765, 8767, ... by camera) and a browser (8766, 8768, ...)",
    ),
    DeclareLaunchArgument("use_sim_time", default_value="false", description="true: time comes from /clock"),
    DeclareLaunchArgument("log_level", default_value="info", description="debug, info, warn, error"),
    DeclareLaunchArgument(
        "fixed_frame", default_value="unity_camera_optical", description="frame that RViz shows: the images' frame_id"
    ),
    DeclareLaunchArgument(
        "dds_profile",
        default_value=PROFILE if has_room_for_profile() and not user_profile() else "",
        description="Fast DDS profile with large shared memory, for every node here; empty: leave DDS as it is "
        f"(the default where /dev/shm has less than {REQUIRED_BYTES >> 20} MiB, or the environment names a profile)",
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
    """perception_node, and RViz if requested, for every camera; all arguments are checked before a process starts."""
    value = {argument.name: LaunchConfiguration(argument.name).perform(context) for argument in ARGUMENTS}
    cameras = camera_list(value["camera"])
    overrides = {name: typed(name, kind, value[name]) for name, (kind, _) in OVERRIDES.items() if value[name]}
    nodes: list[LaunchDescriptionEntity] = [perception(camera, cameras, value, overrides) for camera in cameras]
    if choice("view", ("none", "foxglove"), value["view"]) == "foxglove":
        nodes += [live_view(index, camera, cameras, value) for index, camera in enumerate(cameras)]
    if not is_true("rviz", value["rviz"]):
        return nodes
    try:
        get_package_prefix("rviz2")
    except PackageNotFoundError:
        return [*nodes, LogInfo(msg="WARNING rviz:=true: rviz2 is not installed, so nothing is shown")]
    return nodes + [rviz(camera, results_of(camera, cameras, value["namespace"]), value) for camera in cameras]


def perception(camera: str, cameras: list[str], value: dict[str, str], overrides: dict[str, Any]) -> Node:
    """perception_node; launch arguments that are not empty override params_file. It comes back once after a crash."""
    return Node(
        package=PACKAGE,
        executable="perception_node",
        namespace=results_of(camera, cameras, value["namespace"]),
        parameters=[value["params_file"], overrides, {"use_sim_time": is_true("use_sim_time", value["use_sim_time"])}],
        remappings=[(name, f"{camera}/{name}") for name in INPUTS],
        arguments=["--ros-args", "--log-level", value["log_level"]],
        respawn=True,
        respawn_max_retries=1,
        output="screen",
    )


def live_view(index: int, camera: str, cameras: list[str], value: dict[str, str]) -> Node:
    """view_node of one camera; each has two ports of its own."""
    return Node(
        package=PACKAGE,
        executable="view_node",
        namespace=results_of(camera, cameras, value["namespace"]),
        parameters=[{"foxglove_port": 8765 + 2 * index, "page_port": 8766 + 2 * index}],
        remappings=[("image_raw", f"{camera}/image_raw")],
        output="screen",
    )


def rviz(camera: str, namespace: str, value: dict[str, str]) -> Node:
    """RViz with the shipped displays on the topics of this camera."""
    return Node(
        package="rviz2",
        executable="rviz2",
        namespace=namespace,
        arguments=["-d", PathJoinSubstitution([CONFIG, "perception.rviz"]), "-f", value["fixed_frame"]],
        parameters=[{"use_sim_time": is_true("use_sim_time", value["use_sim_time"])}],
        remappings=[
            (f"{RVIZ_CAMERA}/image_raw", f"{camera}/image_raw"),
            *((f"{RVIZ_NAMESPACE}/{name}", f"{namespace}/{name}") for name in RVIZ_OUTPUTS),
        ],
    )
