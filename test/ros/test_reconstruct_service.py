"""Service ~/reconstruct of perception_node, over real DDS with virtual Unity's tour: cloud, poses, refusals."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")

from camera_rig import CameraRig
from conftest import Graph
from da3_networks import CPU, SMALL, Known
from geometry_msgs.msg import PoseArray
from nav_msgs.msg import Path
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from room_views import distance_to_surfaces
from sensor_msgs.msg import PointCloud2
from stand_ins import FRAME_ID, RedSegmenter, image
from std_srvs.srv import Trigger
from tour_depth import TourDepth, play, tour

from unity_depth_perception.dataset.messages.camera_info import matrix_of
from unity_depth_perception.dataset.messages.headers import stamp_ns_of
from unity_depth_perception.models.depth_anything_3.estimator import AnyViewDepth
from unity_depth_perception.models.metric_scale import DepthScale
from unity_depth_perception.nodes.perception_node import PerceptionNode
from unity_depth_perception.pipeline import PerceptionPipeline
from unity_depth_perception.reconstruction.live import window_reconstruction
from unity_depth_perception.ros.topics.qos import LATCHED_QOS
from unity_depth_perception.ros.topics.reconstruction_outputs import PATH, POINTS, POSES

MakeNode = Callable[..., PerceptionNode]
FRAMES = 16
TOUR = tour(FRAMES)


def ask(graph: Graph) -> Trigger.Response:
    """The response to a call of the service."""
    client = graph.node.create_client(Trigger, "perception_node/reconstruct")
    graph.spin_until(client.service_is_ready, "the service")
    future = client.call_async(Trigger.Request())
    graph.spin_until(future.done, "a response")
    graph.node.destroy_client(client)
    return future.result()


def subscribe(graph: Graph, kind: type[Any], topic: str) -> list[Any]:
    messages: list[Any] = []
    graph.node.create_subscription(kind, topic, messages.append, LATCHED_QOS)
    return messages


@pytest.fixture
def touring(graph: Graph, make_node: MakeNode) -> tuple[PerceptionNode, list[PointCloud2]]:
    """A node with true depth that has seen one round of the tour; it works as somebody waits for the cloud."""
    node = make_node(pipeline=PerceptionPipeline(TourDepth(TOUR), RedSegmenter()))
    assert node.autostart()
    clouds = subscribe(graph, PointCloud2, POINTS)
    graph.spin_until(lambda: node.is_watched, "to be watched")
    play(graph, FRAMES, rate_hz=15.0)
    graph.spin_until(lambda: keyframes(node) >= FRAMES - 4, "a round of keyframes")
    return node, clouds


def keyframes(node: PerceptionNode) -> int:
    return int(node.further_values()["reconstruction keyframes"])


def points_of(cloud: PointCloud2) -> tuple[np.ndarray, np.ndarray]:
    """Points (N, 3) [m] and colours (N, 3) of a cloud x y z rgb."""
    rows = np.frombuffer(bytes(cloud.data), np.float32).reshape(-1, 4)
    return rows[:, :3].astype(np.float64), rows[:, 3].copy().view(np.uint8).reshape(-1, 4)[:, 2::-1]


def test_tour_becomes_a_cloud_on_the_true_surfaces_in_the_world_of_the_poses(
    graph: Graph, touring: tuple[PerceptionNode, list[PointCloud2]]
) -> None:
    node, clouds = touring
    response = ask(graph)
    assert response.success
    assert "chosen by motion; scale from: metric model" in response.message
    assert "/reconstruction/points in frame 'world'" in response.message
    processed = node.counts["processed"]
    graph.spin_until(lambda: bool(clouds), "a cloud", 60)
    poses, paths = subscribe(graph, PoseArray, POSES), subscribe(graph, Path, PATH)  # late: they are latched
    graph.spin_until(lambda: bool(poses and paths), "poses and path")
    points, colours = points_of(clouds[0])
    assert clouds[0].header.frame_id == "world"
    assert len(points) == clouds[0].width > 3000
    scene = TOUR.scene(0)
    away = np.ones(len(points), bool)
    for thing in scene.clutter:  # curved: its surface is not known here
        away &= (abs((points - thing.center_m) @ thing.world_from_box) - thing.size_m / 2).max(axis=1) > 0.03
    error = distance_to_surfaces(scene, points[away])
    assert np.quantile(error, 0.95) < 0.01
    assert colours.std() > 5
    stamps = [stamp_ns_of(pose.header) for pose in paths[0].poses]
    assert len(stamps) == len(poses[0].poses) >= FRAMES - 4
    assert stamps == sorted(set(stamps))
    assert stamp_ns_of(clouds[0].header) == stamps[-1]
    true = [TOUR.scene(k).world_from_camera for k in range(FRAMES)]
    for found in (matrix_of(pose) for pose in poses[0].poses):
        assert min(abs(found - pose).max() for pose in true) < 1e-6
    graph.spin_until(lambda: node.counts["processed"] > processed, "frames to go on")


def test_second_call_is_refused_while_one_runs_and_deactivation_ends_it(
    graph: Graph, touring: tuple[PerceptionNode, list[PointCloud2]], monkeypatch: pytest.MonkeyPatch
) -> None:
    node, clouds = touring
    gate, reconstruct = threading.Event(), window_reconstruction.reconstruct

    def gated(*arguments: Any) -> Any:
        assert gate.wait(20)
        return reconstruct(*arguments)

    monkeypatch.setattr(window_reconstruction, "reconstruct", gated)
    assert ask(graph).success
    processed, refused = node.counts["processed"], node.counts["refused"]
    graph.spin_until(lambda: node.counts["processed"] >= processed + 5, "frames during the reconstruction")
    assert node.counts["refused"] == refused
    second = ask(graph)
    assert not second.success
    assert "not started: a reconstruction has been running for" in second.message
    assert "call again when" in second.message
    assert node.further_values()["reconstruction"].startswith("running for")
    assert node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
    gate.set()
    graph.spin_until(lambda: node.further_values()["reconstruction"] == "idle", "the thread to end")
    assert node.further_values()["last reconstruction"] == "stopped, as the node was deactivated"
    assert not clouds
    assert "the node is not active" in ask(graph).message


def test_parameter_bounds_the_keyframes_and_turns_them_off(
    graph: Graph, touring: tuple[PerceptionNode, list[PointCloud2]]
) -> None:
    node, _ = touring
    node.set_parameters([Parameter("reconstruction_keyframes", value=5)])
    graph.spin_until(lambda: keyframes(node) == 5, "five keyframes")
    node.set_parameters([Parameter("reconstruction_keyframes", value=0)])
    graph.spin_until(lambda: keyframes(node) == 0, "none")
    assert "set parameter reconstruction_keyframes to 60" in ask(graph).message


def test_call_before_the_first_frame_says_what_to_do(graph: Graph, make_node: MakeNode) -> None:
    assert make_node().autostart()
    response = ask(graph)
    assert not response.success
    assert "no frame has been processed: subscribe to /reconstruction/points" in response.message


def test_single_view_model_without_poses_is_refused(rig: CameraRig) -> None:
    rig.expect_good_frame_processed()
    response = ask(rig.graph)
    assert not response.success
    assert "none of 1 frames had a camera pose" in response.message
    assert "publish camera_pose" in response.message
    assert "any-view model" in response.message


def test_any_view_model_without_poses_takes_keyframes_by_time_and_finds_its_own(
    graph: Graph, make_node: MakeNode
) -> None:
    model = AnyViewDepth("da3-small", CPU, Known(0.0, 100.0), SMALL)
    pipeline = PerceptionPipeline(model, RedSegmenter(), scale=DepthScale("fixed", 1.0))
    rig = CameraRig(graph, make_node(pipeline=pipeline))
    rig.expect_good_frame_processed(1_000_000_000)
    assert "expected two or more keyframes, got 1: move the camera" in ask(graph).message
    for k in range(2, 5):
        graph.spin_for(0.55)
        rig.process(image(k * 1_000_000_000))
    response = ask(graph)
    assert response.success
    assert "of 4 keyframes of 3.0 s, chosen by time, as no camera pose is known; scale from: none" in response.message
    assert f"in frame '{FRAME_ID}'" in response.message
    paths = subscribe(graph, Path, PATH)
    graph.spin_until(lambda: bool(paths) or "failed" in rig.node.further_values()["last reconstruction"], "an end")
    assert paths, rig.node.further_values()["last reconstruction"]
    assert [pose.pose.position.x for pose in paths[0].poses] == pytest.approx([0, 2, 4, 6])
    assert stamp_ns_of(paths[0].header) == 1_000_000_000
