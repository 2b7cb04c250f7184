"""perception_node on a GPU, without one: on a simulated one, the outputs of a frame are those of the CPU."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")

import torch
from camera_rig import CameraRig
from conftest import Graph
from simulated_gpu import GPU, simulated_gpu
from stand_ins import header

from unity_depth_perception.dataset.messages.images import single_channel_of
from unity_depth_perception.models.registry import create_depth_estimator, create_segmenter
from unity_depth_perception.nodes.perception_node import PerceptionNode
from unity_depth_perception.pipeline import Frame, PerceptionPipeline
from unity_depth_perception.ros.conversions.camera_info import camera_info_message
from unity_depth_perception.ros.conversions.images import image_message
from unity_depth_perception.ros.runtime import frame_node
from unity_depth_perception.ros.runtime.frame_processor import FrameProcessor, ReceivedMessages
from unity_depth_perception.ros.topics import outputs
from unity_depth_perception.synthetic.samples import render_samples


def compact_pipeline(device: torch.device) -> PerceptionPipeline:
    return PerceptionPipeline(create_depth_estimator("compact", device), create_segmenter("compact", device))


def test_every_output_of_a_frame_on_the_gpu_is_that_of_the_cpu(
    graph: Graph, make_node: Callable[..., PerceptionNode], monkeypatch: pytest.MonkeyPatch
) -> None:
    (sample,) = render_samples([900_000_000], 256, 192)
    exact = compact_pipeline(torch.device("cpu")).process(Frame(sample.image, sample.camera))
    with simulated_gpu():
        pipeline = compact_pipeline(GPU)
    process = FrameProcessor.__call__

    def process_on_gpu(self: FrameProcessor, received: ReceivedMessages) -> None:
        with simulated_gpu():  # of this thread
            process(self, received)

    monkeypatch.setattr(FrameProcessor, "__call__", process_on_gpu)
    monkeypatch.setattr(frame_node, "warm_up", lambda *_: None)  # in another thread
    rig = CameraRig(graph, make_node(pipeline=pipeline))
    names = [name for name in outputs.OUTPUTS if name != outputs.CLASSES]  # the class map is of no frame
    topics = {name: graph.collect(outputs._OUTPUTS[name].message_type, name) for name in names}
    graph.spin_until(lambda: all(map(rig.node._result_publishers.is_subscribed, topics)), "all outputs to be watched")
    rig.send_info(camera_info_message(header(5), sample.camera))
    rig.images.publish(image_message(header(5), sample.image, "rgb8"))
    graph.spin_until(lambda: all(topics.values()) or rig.node.counts["refused"] > 0, "a message on every output")
    assert rig.node.counts.last_reason == ""
    depth_m = single_channel_of(topics["depth/image_rect"][0])
    assert np.quantile(np.abs(depth_m / exact.depth.depth_m.numpy() - 1), 0.99) < 5e-3  # a CPU rounds pixels otherwise
    instances = single_channel_of(topics["objects/instances"][0])
    assert (instances == exact.segmentation.instances.numpy()).mean() > 0.999
    found = [(item.category, item.parent_id) for item in topics["objects/distances"][0].objects]
    assert len(found) == len(exact.objects) > 2
    assert topics["depth/points"][0].width > 0
