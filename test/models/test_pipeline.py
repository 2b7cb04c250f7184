"""The pipeline with stages of known output: what it relates, replaces, refuses and times."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import cast

import numpy as np
import pytest
import torch
from known_stages import CAMERA, CPU, FlatDepth, NotingProposals, Rectangles, RefusingPoses, frame, stacked
from numpy.typing import NDArray

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import (
    CameraError,
    ConfigurationError,
    ImageError,
    InputError,
    ModelError,
    PoseError,
)
from unity_depth_perception.models.object_proposals import Gravity, ObjectProposals
from unity_depth_perception.models.protocols import DepthPrediction, Segmentation
from unity_depth_perception.pipeline import Frame, Limits, PerceptionPipeline, PerceptionResult


def test_a_frame_becomes_objects_with_distances() -> None:
    result = PerceptionPipeline(FlatDepth(), Rectangles()).process(frame())
    cube, box = result.objects
    assert (cube.id, cube.category, cube.bbox, cube.score) == (0, "red_cube", (4, 10, 24, 30), 0.9)
    assert (cube.distance.center, cube.distance.median, cube.distance.min, cube.distance.max) == (2, 2, 2, 2)
    assert (cube.pixel_count, cube.valid_ratio) == (400, 1)
    assert cube.position_m == pytest.approx(tuple(CAMERA.unproject([13, 19], 2.0)), rel=1e-6)
    assert cube.range_m == pytest.approx(math.hypot(*cube.position_m))
    assert cube.range_m > 2  # planar depth and range are two things
    assert (box.id, box.category, box.pixel_count) == (1, "blue_parallelepiped", 100)
    assert (result.depth_model, result.segmentation_model) == ("flat", "rectangles")


def test_the_image_is_uploaded_once_and_kept() -> None:
    depth = FlatDepth()
    given = frame()
    result = PerceptionPipeline(depth, Rectangles()).process(given)
    assert result.image is depth.seen[0]
    np.testing.assert_array_equal(result.image.numpy(), given.image)
    assert result.frame is given
    assert set(result.stage_s) == {"upload", "proposals", "segmentation", "depth", "objects", "support"}
    assert all(seconds >= 0 for seconds in result.stage_s.values())


def level_pose() -> NDArray[np.float64]:
    """A camera that looks along the horizon: its optical frame's y axis points down."""
    pose = np.eye(4)
    pose[:3, :3] = [[1, 0, 0], [0, 0, 1], [0, -1, 0]]
    pose[:3, 3] = [0.3, 0.2, 1.5]
    return pose


def test_models_get_the_camera_and_gravity_where_the_pose_is_known() -> None:
    depth, segmenter = FlatDepth(), Rectangles()
    pipeline = PerceptionPipeline(depth, segmenter)
    pipeline.process(frame())
    assert depth.gravity is None
    assert segmenter.told == (CAMERA, None)
    pipeline.process(replace(frame(), world_from_camera=level_pose()))
    assert depth.gravity is not None
    assert depth.gravity.tolist() == [0, 1, 0]
    assert segmenter.told is not None
    assert segmenter.told[1] is not None
    assert segmenter.told[1].tolist() == [0, 1, 0]


def test_gravity_alone_is_enough_and_need_not_be_a_unit_vector() -> None:
    depth = FlatDepth()
    result = PerceptionPipeline(depth, Rectangles()).process(replace(frame(), gravity=np.array([0.0, 3.0, 4.0])))
    assert depth.gravity is not None
    assert depth.gravity.tolist() == pytest.approx([0, 0.6, 0.8])
    assert result.frame.world_from_camera is None
    for bad in (np.zeros(3), np.array([0.0, np.nan, 1.0]), np.zeros(2)):
        with pytest.raises(PoseError, match="expected gravity as a direction"):
            replace(frame(), gravity=bad)


@dataclass(eq=False)
class CountingProposer:
    """Counts what it is asked."""

    device: torch.device = CPU
    asked: int = 0

    def propose(self, image: torch.Tensor, camera: Camera, gravity: Gravity | None = None) -> ObjectProposals:
        self.asked += 1
        return cast(ObjectProposals, f"proposals {self.asked}")

    def propose_given(
        self, image: torch.Tensor, camera: Camera, instances: torch.Tensor, gravity: Gravity | None = None
    ) -> ObjectProposals:
        return cast(ObjectProposals, f"given {int(instances.max())}")


class ReadingDepth(NotingProposals, FlatDepth):
    """Notes the proposals that it gets."""

    proposer = CountingProposer()  # type: ignore[assignment]


class ReadingRectangles(NotingProposals, Rectangles):
    """Notes the proposals that it gets."""

    proposer = CountingProposer()  # type: ignore[assignment]


def test_proposals_are_made_once_for_both_stages_that_read_the_same() -> None:
    depth, segmenter, proposer = ReadingDepth(), ReadingRectangles(), CountingProposer()
    depth.proposer = segmenter.proposer = proposer  # type: ignore[misc,assignment]
    PerceptionPipeline(depth, segmenter).process(frame())
    assert proposer.asked == 1
    assert depth.got == segmenter.got == "proposals 1"


def test_each_stage_gets_the_proposals_of_its_own_proposer() -> None:
    depth, segmenter = ReadingDepth(), ReadingRectangles()
    depth.proposer, segmenter.proposer = CountingProposer(), CountingProposer(asked=5)  # type: ignore[misc,assignment]
    PerceptionPipeline(depth, segmenter).process(frame())
    assert (depth.got, segmenter.got) == ("proposals 1", "proposals 6")
    given = Rectangles().infer(torch.zeros(48, 64, 3), CAMERA)
    PerceptionPipeline(depth, segmenter).process(frame(), segmentation=given)
    assert depth.got == "given 2"
    assert segmenter.proposer.asked == 6  # type: ignore[attr-defined]


def test_a_frame_without_image_needs_depth_and_instances() -> None:
    seen = Frame(None, CAMERA)
    depth = DepthPrediction(torch.full((48, 64), 2.0), is_metric=True)
    segmentation = Rectangles().infer(torch.zeros(48, 64, 3), CAMERA)
    result = PerceptionPipeline(None, None).process(seen, depth=depth, segmentation=segmentation)
    assert len(result.objects) == 2
    assert result.image is None
    with pytest.raises(ImageError, match="got one of depth and instances alone"):
        _ = result.rgb
    with pytest.raises(ImageError, match="with an image, or both its depth and its instances"):
        PerceptionPipeline(FlatDepth(), None).process(seen, segmentation=segmentation)


def test_a_pose_that_contradicts_the_image_is_left_out_and_told() -> None:
    class PoseRefusingDepth(RefusingPoses, FlatDepth):
        pass

    segmenter = Rectangles()
    seen = replace(frame(), world_from_camera=np.eye(4))
    result = PerceptionPipeline(PoseRefusingDepth(), segmenter).process(seen)
    assert str(result.pose_error) == "down is elsewhere"
    assert result.frame.world_from_camera is None
    assert result.frame.gravity is None
    assert segmenter.told == (CAMERA, None)
    assert len(result.objects) == len(PerceptionPipeline(FlatDepth(), Rectangles()).process(frame()).objects) > 0
    assert PerceptionPipeline(FlatDepth(), segmenter).process(seen).pose_error is None


@pytest.mark.filterwarnings("error")
def test_a_read_only_or_sliced_image_will_do() -> None:
    pixels = np.frombuffer(frame().image.tobytes(), np.uint8).reshape(48, 64, 3)  # as it lies in a message
    flipped = pixels[::-1]
    result = PerceptionPipeline(FlatDepth(), Rectangles()).process(Frame(flipped, CAMERA))
    np.testing.assert_array_equal(result.image.numpy(), flipped)


def test_given_stages_replace_the_models() -> None:
    depth = torch.full((48, 64), 0.5)
    depth[:, :14] = math.nan
    segmentation = Rectangles((("green_cube", 10, 10, 18, 20),)).infer(torch.zeros(48, 64, 3), CAMERA)
    pipeline = PerceptionPipeline(None, None)
    result = pipeline.process(frame(), depth=DepthPrediction(depth, True), segmentation=segmentation)
    assert [o.category for o in result.objects] == ["green_cube"]
    assert (result.objects[0].distance.median, result.objects[0].valid_ratio) == (0.5, 0.5)
    assert (result.depth_model, result.segmentation_model) == ("given", "given")


def test_without_objects_there_is_still_depth() -> None:
    result = PerceptionPipeline(FlatDepth(), Rectangles(())).process(frame())
    assert (result.objects, result.links) == ((), ())
    assert result.depth.depth_m.shape == (48, 64)


def test_the_same_frame_gives_the_same_result() -> None:
    depth, owner, _ = stacked()
    segmentation = Segmentation(owner, ("red_cube", "blue_parallelepiped"), (1.0, 1.0))

    def run() -> PerceptionResult:
        return PerceptionPipeline(None, None).process(
            frame(), depth=DepthPrediction(depth, True), segmentation=segmentation
        )

    assert run().objects == run().objects


def test_relative_depth_never_becomes_a_distance() -> None:
    with pytest.raises(ModelError, match="relative depth; choose a metric"):
        PerceptionPipeline(FlatDepth(is_metric=False), Rectangles()).process(frame())
    with pytest.raises(ModelError, match="relative depth"):
        PerceptionPipeline(None, Rectangles()).process(frame(), depth=DepthPrediction(torch.ones(48, 64), False))


def test_a_stage_without_model_needs_its_result() -> None:
    with pytest.raises(ConfigurationError, match="no depth model"):
        PerceptionPipeline(None, Rectangles()).process(frame())
    with pytest.raises(ConfigurationError, match="no segmentation model"):
        PerceptionPipeline(FlatDepth(), None).process(frame())


def test_models_on_two_devices_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="on one device, got cpu and cuda"):
        PerceptionPipeline(FlatDepth(), Rectangles(device=torch.device("cuda")))


def test_one_device_under_two_names() -> None:
    cuda, first = torch.device("cuda"), torch.device("cuda:0")
    assert PerceptionPipeline(FlatDepth(device=cuda), Rectangles(device=first)).device == cuda


def test_what_is_given_must_fit_the_image() -> None:
    pipeline = PerceptionPipeline(FlatDepth(), Rectangles())
    with pytest.raises(CameraError, match="depth of the camera's 64 x 48"):
        pipeline.process(frame(), depth=DepthPrediction(torch.ones(48, 63), True))
    with pytest.raises(CameraError, match="instance image of the camera's 64 x 48"):
        pipeline.process(frame(), segmentation=Segmentation(torch.zeros(8, 8, dtype=torch.uint8), (), ()))
    with pytest.raises(InputError, match=r"0\.\.1 for 1 objects, got 1\.\.2"):
        pipeline.process(frame(), segmentation=Segmentation(stacked()[1], ("red_cube",), (1.0,)))


def test_a_frame_must_fit_its_camera() -> None:
    with pytest.raises(CameraError, match="64 x 48 px like its image, got 32 x 24"):
        Frame(frame().image, CAMERA.resized(32, 24))
    for bad in (np.zeros((48, 64), np.uint8), np.zeros((48, 64, 4), np.uint8), np.zeros((48, 64, 3), np.float32)):
        with pytest.raises(ImageError, match=r"expected an image \(H, W, 3\) uint8"):
            Frame(bad, CAMERA)
    with pytest.raises(ImageError):
        Frame(np.zeros((0, 0, 3), np.uint8)[:, :, :2], CAMERA)


@pytest.mark.gpu
def test_cpu_and_gpu_agree() -> None:
    depth, owner, pose = stacked()
    seen = Frame(frame().image, CAMERA, world_from_camera=pose)
    results = []
    for device in (CPU, torch.device("cuda")):
        segmentation = Segmentation(owner, ("red_cube", "blue_parallelepiped"), (1.0, 1.0))
        pipeline = PerceptionPipeline(None, None, device)
        results.append(pipeline.process(seen, depth=DepthPrediction(depth, True), segmentation=segmentation))
    for one, other in zip(results[0].objects, results[1].objects, strict=True):
        assert (one.bbox, one.parent_id, one.pixel_count) == (other.bbox, other.parent_id, other.pixel_count)
        assert one.position_m == pytest.approx(other.position_m, rel=1e-5)
        assert one.distance.mean == pytest.approx(other.distance.mean, rel=1e-5)


def test_objects_below_the_score_are_left_out_and_the_rest_numbered_anew() -> None:
    _, owner, _ = stacked()
    given = Segmentation(owner, ("red_cube", "blue_parallelepiped"), (0.4, 0.8))
    pipeline = PerceptionPipeline(FlatDepth(), None)
    kept = pipeline.process(frame(), segmentation=given, limits=Limits(min_score=0.5))
    assert [(o.id, o.category) for o in kept.objects] == [(0, "blue_parallelepiped")]
    assert torch.equal(kept.segmentation.instances == 1, owner == 2)
    assert len(pipeline.process(frame(), segmentation=given, limits=Limits(min_score=0.4)).objects) == 2
    nothing = pipeline.process(frame(), segmentation=given, limits=Limits(min_score=0.9))
    assert nothing.objects == ()
    assert not nothing.segmentation.instances.any()


def test_what_is_too_near_is_invalid_and_what_is_too_far_is_sky() -> None:
    depth_m = torch.full((48, 64), 2.0)
    depth_m[0, :5] = torch.tensor([0.5, 1.0, 3.0, 3.5, float("nan")])
    given = DepthPrediction(depth_m, is_metric=True)
    found = PerceptionPipeline(None, Rectangles()).process(frame(), depth=given, limits=Limits(0.0, 1.0, 3.0))
    assert found.depth.depth_m[0, :6].tolist() == pytest.approx(
        [math.nan, 1.0, 3.0, math.inf, math.nan, 2.0], nan_ok=True
    )
