"""Configure transition of perception_node: a model that cannot be loaded is a FAILURE with the reason, not a crash."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")

import torch
from camera_rig import CameraRig
from conftest import Graph
from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from stand_ins import ConstantDepth, RedSegmenter, stand_in_pipeline
from torch import Tensor

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import ModelError
from unity_depth_perception.models.protocols import DepthPrediction
from unity_depth_perception.nodes import perception_node
from unity_depth_perception.nodes.depth_node import DepthNode
from unity_depth_perception.nodes.perception_node import PerceptionNode, create_pipeline
from unity_depth_perception.pipeline import PerceptionPipeline
from unity_depth_perception.reconstruction.temporal import TemporalAligner
from unity_depth_perception.ros.parameters.node_tables import PerceptionConfig
from unity_depth_perception.ros.topics.diagnostics import values_of


def test_node_can_be_configured_again_after_a_model_failed_to_load(graph: Graph) -> None:
    broken = [True]

    def pipeline(_: object) -> Any:
        if broken:
            raise ModelError("weights.safetensors: expected a safetensors file, got garbage")
        return stand_in_pipeline()

    node = graph.add(PerceptionNode(pipeline, context=graph.context))
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
    messages = graph.collect(DiagnosticArray, "/diagnostics")
    graph.spin_until(lambda: bool(messages), "diagnostics")
    status, _ = values_of(messages[-1], "/perception_node")
    assert (status.level, "got garbage" in status.message) == (DiagnosticStatus.ERROR, True)
    broken.clear()
    CameraRig(graph, node).expect_good_frame_processed()


def test_torch_error_while_loading_fails_the_transition(graph: Graph) -> None:
    def pipeline(_: object) -> Any:
        raise RuntimeError("CUDA error: out of memory")

    node = graph.add(PerceptionNode(pipeline, context=graph.context))
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
    assert "out of memory" in node.failure


@pytest.mark.parametrize("parameter", ["depth_model", "segmentation_model"])
@pytest.mark.parametrize("value", ["no_such_model", "missing.safetensors", "corrupt.safetensors"])
def test_unknown_model_or_corrupt_file_fails_the_transition(
    graph: Graph, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parameter: str, value: str
) -> None:
    if parameter == "segmentation_model":  # so that its own failure comes first
        monkeypatch.setattr(perception_node, "create_depth_estimator", lambda *arguments: ConstantDepth())
    (tmp_path / "corrupt.safetensors").write_bytes(b"\xff" * 200)
    value = str(tmp_path / value) if value.endswith(".safetensors") else value
    overrides = [Parameter(parameter, value=value), Parameter("device", value="cpu")]
    node = graph.add(PerceptionNode(create_pipeline, context=graph.context, parameter_overrides=overrides))
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
    assert value in node.failure


def test_missing_weights_fail_the_transition_and_are_named(graph: Graph) -> None:
    values = {"depth_model": "da3metric-large", "depth_weights": "/no/such/folder", "device": "cpu"}
    overrides = [Parameter(name, value=value) for name, value in values.items()]
    node = graph.add(PerceptionNode(create_pipeline, context=graph.context, parameter_overrides=overrides))
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
    for said in ("depth-anything/DA3METRIC-LARGE", "/no/such/folder", "model.safetensors", "HF_HOME"):
        assert said in node.failure


def test_relative_model_without_scale_fails_before_its_weights_are_loaded(graph: Graph) -> None:
    values = {"depth_model": "da3-small", "depth_weights": "/no/such/folder", "device": "cpu"}
    overrides = [Parameter(name, value=value) for name, value in values.items()]
    for node_type in (PerceptionNode, DepthNode):
        node = graph.add(node_type(context=graph.context, parameter_overrides=overrides))
        assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
        assert "got relative depth" in node.failure


class RelativeDepth(ConstantDepth):
    """Constant depth that says it is relative."""

    def infer(self, *arguments: Any) -> DepthPrediction:
        return replace(super().infer(*arguments), is_metric=False)


@pytest.mark.parametrize(("scale", "works"), [("none", False), ("fixed", True), ("median_to_pose", True)])
def test_relative_depth_needs_a_source_of_scale(
    graph: Graph, monkeypatch: pytest.MonkeyPatch, scale: str, works: bool
) -> None:
    monkeypatch.setattr(perception_node, "create_depth_estimator", lambda *arguments: RelativeDepth())
    monkeypatch.setattr(perception_node, "create_segmenter", lambda *arguments: RedSegmenter())
    overrides = [Parameter("scale", value=scale), Parameter("device", value="cpu")]
    node = graph.add(PerceptionNode(create_pipeline, context=graph.context, parameter_overrides=overrides))
    result = node.trigger_configure()
    assert (result == TransitionCallbackReturn.SUCCESS) == works
    assert ("got relative depth" in node.failure) != works


def test_missing_intrinsics_file_fails_the_transition(make_node: Callable[..., PerceptionNode]) -> None:
    node = make_node(camera_intrinsics_file="/no/such/file.json")
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
    assert "/no/such/file.json" in node.failure


class SizeRecordingDepth(ConstantDepth):
    """Records the image sizes that it is called with."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: list[tuple[int, int]] = []

    def infer(self, image: Tensor, camera: Camera, *knowledge: Any) -> DepthPrediction:
        self.sizes.append((camera.width, camera.height))
        return super().infer(image, camera, *knowledge)


@pytest.mark.parametrize("known", [True, False])
def test_warm_up_uses_the_image_size_of_the_intrinsics_file(graph: Graph, tmp_path: Path, known: bool) -> None:
    file = tmp_path / "camera.json"
    file.write_text(json.dumps(Camera.from_vertical_fov(1.0, 96, 54).to_intrinsics()))
    depth = SizeRecordingDepth()
    pipeline = PerceptionPipeline(depth, RedSegmenter())
    overrides = [Parameter("camera_intrinsics_file", value=str(file) if known else "")]
    node = graph.add(PerceptionNode(lambda config: pipeline, context=graph.context, parameter_overrides=overrides))
    assert node.trigger_configure() == TransitionCallbackReturn.SUCCESS
    assert depth.sizes == [(96, 54) if known else (1024, 1024)]


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_missing_gpu_fails_the_transition(graph: Graph) -> None:
    overrides = [Parameter("device", value="cuda")]
    node = graph.add(PerceptionNode(create_pipeline, context=graph.context, parameter_overrides=overrides))
    assert node.trigger_configure() == TransitionCallbackReturn.FAILURE
    assert "no GPU" in node.failure


def test_temporal_poses_gives_the_pipeline_an_aligner() -> None:
    assert create_pipeline(PerceptionConfig()).aligner is None
    assert isinstance(create_pipeline(PerceptionConfig(temporal="poses")).aligner, TemporalAligner)
