"""Parameter temporal: poses of perception_node, over real DDS with virtual Unity's tour."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")

from conftest import Graph
from rclpy.parameter import Parameter
from sensor_msgs.msg import Image
from stand_ins import RedSegmenter
from tour_depth import TourDepth, play, tour

from unity_depth_perception.dataset.messages.headers import stamp_ns_of
from unity_depth_perception.dataset.messages.images import single_channel_of
from unity_depth_perception.nodes import perception_node
from unity_depth_perception.nodes.perception_node import PerceptionNode

FRAMES = 60
FACTORS = np.exp(np.random.default_rng(5).normal(0.0, 0.03, FRAMES))
MODEL = TourDepth(tour(FRAMES), lambda number: float(FACTORS[number]))


def log_scales(graph: Graph, monkeypatch: pytest.MonkeyPatch, temporal: str) -> tuple[np.ndarray, PerceptionNode]:
    """Log ratio of the published to the true depth of consecutive frames, of a model whose scale jumps by 3 %."""
    monkeypatch.setattr(perception_node, "create_depth_estimator", lambda *arguments: MODEL)
    monkeypatch.setattr(perception_node, "create_segmenter", lambda *arguments: RedSegmenter())
    override = [Parameter("temporal", value=temporal), Parameter("outputs", value=["depth/image_rect"])]
    node = graph.add(PerceptionNode(context=graph.context, parameter_overrides=override))
    assert node.autostart()
    found, true = graph.collect(Image, "depth/image_rect"), graph.collect(Image, "ground_truth/depth")
    graph.spin_until(lambda: node.is_watched, "to be watched")
    play(graph, FRAMES, rate_hz=10.0)

    def of_different_frames() -> dict[bytes, tuple[np.ndarray, np.ndarray]]:
        """Depth and its truth, by the truth: a busy machine sends an image more than once."""
        truth = {stamp_ns_of(message.header): single_channel_of(message) for message in true}
        stamps = [(stamp_ns_of(message.header), message) for message in found]
        return {truth[ns].tobytes(): (single_channel_of(m), truth[ns]) for ns, m in stamps if ns in truth}

    graph.spin_until(lambda: len(of_different_frames()) >= 14, "fourteen frames", 40)
    pairs = of_different_frames().values()
    return np.array([np.nanmedian(np.log(depth / exact)) for depth, exact in pairs]), node


@pytest.mark.parametrize(("temporal", "low", "high"), [("none", 0.012, 1.0), ("poses", 0.0, 0.015)])
def test_scale_jumps_without_alignment_and_is_steady_with_poses(
    graph: Graph, monkeypatch: pytest.MonkeyPatch, temporal: str, low: float, high: float
) -> None:
    scales, node = log_scales(graph, monkeypatch, temporal)
    jump = abs(np.diff(scales))[3:].mean()
    assert low < jump < high
    assert abs(np.mean(scales)) < 0.04
    assert node.counts["poses used"] >= 0.8 * len(scales)  # on a busy machine a pose may come late
    assert node.counts["poses used"] > 4 * node.counts["poses missed"]
