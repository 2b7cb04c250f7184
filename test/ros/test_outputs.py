"""Output topics: which of them need a colour image, and that only nodes with images have those."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")

from stand_ins import FRAME_ID, camera, picture, stand_in_pipeline

from unity_depth_perception.core.errors import ImageError
from unity_depth_perception.dataset.messages.headers import stamp_ns_of
from unity_depth_perception.pipeline import Frame, PerceptionResult
from unity_depth_perception.ros.parameters.node_tables import (
    DepthConfig,
    DistanceConfig,
    ImageConfig,
    PerceptionConfig,
    SegmentationConfig,
)
from unity_depth_perception.ros.parameters.spec import table
from unity_depth_perception.ros.topics import outputs

NEED_IMAGE = ("depth/points", "debug/overlay")
STAMP_NS = 3_000_000_007


@pytest.fixture(scope="module")
def result() -> PerceptionResult:
    """Depth and instances of a frame without an image, as distance_node processes it."""
    seen = stand_in_pipeline().process(Frame(picture(), camera()))
    frame = Frame(None, camera(), STAMP_NS, FRAME_ID)
    return stand_in_pipeline().process(frame, depth=seen.depth, segmentation=seen.segmentation)


@pytest.mark.parametrize("name", [name for name in outputs.OUTPUTS if name not in (*NEED_IMAGE, outputs.CLASSES)])
def test_output_is_made_of_a_result_without_image(result: PerceptionResult, name: str) -> None:
    view = outputs.View(PerceptionConfig(), {"red_cube": "1"})
    message = outputs._OUTPUTS[name].convert(result, view)
    message = message.markers[-1] if name == "objects/markers" else message
    assert (stamp_ns_of(message.header), message.header.frame_id) == (STAMP_NS, FRAME_ID)


@pytest.mark.parametrize("name", NEED_IMAGE)
def test_output_that_needs_an_image_says_so(result: PerceptionResult, name: str) -> None:
    with pytest.raises(ImageError, match=r"expected a (frame|result) with an image"):
        outputs._OUTPUTS[name].convert(result, outputs.View(PerceptionConfig(), {}))


def test_nodes_without_images_cannot_publish_what_needs_one() -> None:
    tables = (PerceptionConfig, DepthConfig, SegmentationConfig, DistanceConfig)
    without_images = [config for config in tables if not issubclass(config, ImageConfig)]
    assert without_images == [DistanceConfig]
    assert not set(table(DistanceConfig)["outputs"].choices) & set(NEED_IMAGE)
