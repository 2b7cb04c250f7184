"""A recorded bag and perception: the bag starts when the node of every camera has subscribed.

ros2 launch unity_depth_perception replay.launch.py bag:=recording rate:=0.5 rviz:=true

As with a live camera, frames are dropped if they come faster than they can be processed.
"""

from pathlib import Path

from launch.actions import (
    DeclareLaunchArgument,
    ExecuteProcess,
    IncludeLaunchDescription,
    OpaqueFunction,
    RegisterEventHandler,
    Shutdown,
)
from launch.event_handlers import OnProcessIO
from launch.events.process import ProcessIO
from launch.launch_context import LaunchContext
from launch.launch_description_entity import LaunchDescriptionEntity
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch.substitutions import LaunchConfiguration

from launch import LaunchDescription
from unity_depth_perception.ros.launch_arguments import camera_list, is_true, typed

INPUTS = ("image_raw", "image_raw/compressed", "camera_info", "camera_pose")
COMMON = ["/tf", "/tf_static"]
LISTENING = b"listening to "  # perception_node's log when it is active


def generate_launch_description() -> LaunchDescription:
    """Perception with all its arguments, and the player that waits for it."""
    # A plain path, unlike a substitution, lets `--show-args` list the arguments of the included file too.
    perception = PythonLaunchDescriptionSource(str(Path(__file__).with_name("perception.launch.py")))
    return LaunchDescription(
        [
            DeclareLaunchArgument("bag", description="the recorded bag: a folder, or an .mcap or .db3 file"),
            DeclareLaunchArgument("rate", default_value="1.0", description="speed; 0.5 plays at half speed"),
            DeclareLaunchArgument("clock_hz", default_value="100.0", description="rate of /clock, for use_sim_time"),
            DeclareLaunchArgument("loop", default_value="false", description="true: start again at the end"),
            DeclareLaunchArgument(
                "topics",
                default_value="",
                description="topics to play, by spaces; empty: the cameras' inputs and tf, "
                "so that recorded results are not mixed with new ones",
            ),
            DeclareLaunchArgument("player_args", default_value="", description="more arguments of ros2 bag play"),
            OpaqueFunction(function=lambda context: [] if player_options(context) else None),  # before a process starts
            IncludeLaunchDescription(perception),
            OpaqueFunction(function=play_when_all_are_subscribed),
        ]
    )


def play_when_all_are_subscribed(context: LaunchContext) -> list[LaunchDescriptionEntity]:
    """Start the bag when all nodes have subscribed: they load models for seconds and would miss its beginning."""
    missing = len(camera_list(LaunchConfiguration("camera").perform(context)))
    play = player(context)  # before a process starts: it checks its arguments

    def on_output(event: ProcessIO) -> LaunchDescriptionEntity | None:
        nonlocal missing
        if not event.process_name.startswith("perception_node") or LISTENING not in event.text:
            return None
        missing -= 1
        return play if missing == 0 else None

    return [RegisterEventHandler(OnProcessIO(on_stdout=on_output, on_stderr=on_output))]


def player(context: LaunchContext) -> ExecuteProcess:
    """`ros2 bag play` as the arguments say; the launch ends when the bag does."""
    cameras = camera_list(LaunchConfiguration("camera").perform(context))
    topics = LaunchConfiguration("topics").perform(context).split()
    topics = topics or [f"{camera}/{name}" for camera in cameras for name in INPUTS] + COMMON
    bag = LaunchConfiguration("bag").perform(context)
    return ExecuteProcess(
        cmd=["ros2", "bag", "play", bag, *player_options(context), "--topics", *topics],
        output="screen",
        on_exit=[Shutdown(reason="the bag has ended")],
    )


def player_options(context: LaunchContext) -> list[str]:
    """Options of `ros2 bag play`, checked."""
    value = {name: LaunchConfiguration(name).perform(context) for name in ("rate", "clock_hz", "loop", "player_args")}
    rate, clock_hz = (str(typed(name, float, value[name])) for name in ("rate", "clock_hz"))
    loop = ["--loop"] if is_true("loop", value["loop"]) else []
    return ["--rate", rate, "--clock", clock_hz, *loop, *value["player_args"].split()]
