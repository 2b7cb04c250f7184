"""Keyframes of a live stream: chosen by motion or time, bounded in number and memory; one reconstruction of them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from da3_networks import CPU, SMALL, Known, nested
from room_views import distance_to_surfaces, exact_view, room_scenes

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import InputError
from unity_depth_perception.models.depth_anything_3.estimator import AnyViewDepth
from unity_depth_perception.models.protocols import DepthPrediction, Segmentation
from unity_depth_perception.pipeline import Frame, PerceptionResult
from unity_depth_perception.reconstruction.live.keyframe_window import KEYFRAME_PX, Keyframe, KeyframeWindow
from unity_depth_perception.reconstruction.live.window_reconstruction import WindowReconstruction

SCENES = room_scenes(12, turn=0.5)
NONE = Segmentation(torch.zeros(1, 1, dtype=torch.uint8), (), ())


def result(
    depth_m: torch.Tensor, camera: Camera, pose: np.ndarray | None, stamp_ns: int, source: str = "focal"
) -> PerceptionResult:
    image = torch.full((camera.height, camera.width, 3), 90, dtype=torch.uint8)
    frame = Frame(image.numpy(), camera, stamp_ns, "optical", pose)
    depth = DepthPrediction(depth_m, is_metric=True, scale_source=source)
    return PerceptionResult(frame, image, depth, NONE, (), "d", "s")


def flat(
    x_m: float, stamp_ns: int = 0, depth_m: float = 2.0, has_pose: bool = True, width: int = 64
) -> PerceptionResult:
    """A frame with one depth everywhere, at `x_m` along x."""
    pose = np.eye(4)
    pose[0, 3] = x_m
    camera = Camera.from_vertical_fov(1.0, width, 48)
    return result(torch.full((48, width), depth_m), camera, pose if has_pose else None, stamp_ns)


def offered(window: KeyframeWindow, *frames: PerceptionResult, capacity: int = 60) -> list[Keyframe]:
    for frame in frames:
        window.offer(frame, capacity)
    return window.keyframes()


def room_keyframes(factors: np.ndarray | None = None) -> list[Keyframe]:
    window = KeyframeWindow(takes_unposed=False)
    for k, scene in enumerate(SCENES):
        view = exact_view(scene)
        depth_m = view.depth_m * (1.0 if factors is None else float(factors[k]))
        window.offer(result(depth_m, view.camera, scene.world_from_camera, k), 60)
    return window.keyframes()


def test_keyframes_are_a_tenth_of_the_depth_or_eight_degrees_apart() -> None:
    window = KeyframeWindow(takes_unposed=False)
    found = offered(window, *(flat(0.05 * k, k) for k in range(10)))
    assert [k.stamp_ns for k in found] == [0, 4, 8]
    near = offered(KeyframeWindow(takes_unposed=False), *(flat(0.05 * k, k, depth_m=0.5) for k in range(4)))
    assert len(near) == 4
    turned = flat(0.4, 10)
    pose = np.eye(4)
    pose[:3, :3] = [[np.cos(0.2), 0, np.sin(0.2)], [0, 1, 0], [-np.sin(0.2), 0, np.cos(0.2)]]
    pose[0, 3] = 0.4
    turned = replace(turned, frame=replace(turned.frame, world_from_camera=pose))
    assert len(offered(window, turned)) == 4
    assert [k.view.name for k in window.keyframes()] == [f"keyframe_00000{k}.png" for k in range(4)]


def test_window_slides_and_shrinks_with_its_capacity() -> None:
    window = KeyframeWindow(takes_unposed=False)
    assert [k.stamp_ns for k in offered(window, *(flat(k, k) for k in range(9)), capacity=3)] == [6, 7, 8]
    assert [k.stamp_ns for k in offered(window, flat(8, 9), capacity=2)] == [7, 8]
    assert offered(window, flat(10, 10), capacity=0) == []
    window.clear()
    assert (window.frames, window.keyframes()) == (0, [])


@pytest.mark.parametrize("other", [flat(9, 3), flat(9, 20, width=80)], ids=["stamps go back", "images of another size"])
def test_another_stream_starts_a_new_window(other: PerceptionResult) -> None:
    found = offered(KeyframeWindow(takes_unposed=False), flat(0, 10), flat(1, 11), other)
    assert [k.stamp_ns for k in found] == [other.frame.stamp_ns]


def test_frames_without_poses_count_only_where_they_are_of_use() -> None:
    frames = [flat(0, k, has_pose=False) for k in range(3)]
    single = KeyframeWindow(takes_unposed=False)
    assert offered(single, *frames) == []
    assert (single.frames, single.frames_without_pose) == (3, 3)
    times = iter([0.0, 0.3, 0.6, 0.7])
    any_view = KeyframeWindow(takes_unposed=True, clock=lambda: next(times))
    assert [k.stamp_ns for k in offered(any_view, *frames)] == [0, 2]


def test_first_pose_replaces_keyframes_without_and_later_gaps_are_left_out() -> None:
    window = KeyframeWindow(takes_unposed=True)
    found = offered(window, flat(0, 1, has_pose=False), flat(0, 2), flat(0, 3, has_pose=False), flat(1, 4))
    assert [k.stamp_ns for k in found] == [2, 4]


def test_keyframe_takes_at_most_the_stated_memory_and_owns_it() -> None:
    frame = result(torch.full((1024, 1024), 2.0), Camera.from_vertical_fov(1.0, 1024, 1024), np.eye(4), 0)
    (found,) = offered(KeyframeWindow(takes_unposed=False), frame)
    view = found.view
    assert view.depth_m is not None
    assert view.image.shape == (KEYFRAME_PX, KEYFRAME_PX, 3)
    assert view.image.nbytes + view.depth_m.nbytes < 1.8e6
    (small,) = offered(KeyframeWindow(takes_unposed=False), source := flat(0))
    source.depth.depth_m.fill_(9.0)
    assert small.view.depth_m is not None
    assert (small.view.depth_m == 2).all()


def test_depth_of_frames_is_fused_on_the_true_surfaces_though_their_scales_differ() -> None:
    factors = np.exp(np.random.default_rng(1).normal(0, 0.02, len(SCENES)))
    factors /= np.exp(np.log(factors).mean())
    plan = WindowReconstruction(room_keyframes(factors), None)
    assert (plan.scale, plan.has_poses) == ("metric model", True)
    scene = plan.run(lambda items, stage: items)
    assert (scene.world, scene.unit, len(scene.views)) == ("z_up", "m", len(SCENES))
    error = distance_to_surfaces(SCENES[0], scene.points_m.astype(np.float64))
    assert np.median(error) < 0.005
    assert np.quantile(error, 0.95) < 0.03


@pytest.mark.parametrize(
    ("model", "has_pose", "said"),
    [
        (None, True, "metric model"),
        (AnyViewDepth("da3-small", CPU, Known(0.0, 100.0), SMALL), True, "given poses"),
        (AnyViewDepth("da3-small", CPU, Known(0.0, 100.0), SMALL), False, "none"),
        (nested(), False, "metric model"),
    ],
)
def test_source_of_scale_is_known_before_the_start(model: AnyViewDepth | None, has_pose: bool, said: str) -> None:
    window = KeyframeWindow(takes_unposed=True, clock=iter(range(9)).__next__)
    frames = offered(window, *(flat(k, k, has_pose=has_pose) for k in range(2)))
    plan = WindowReconstruction(frames, model)
    assert plan.scale == said
    if model is not None:
        scene = plan.run(lambda items, stage: items)
        assert scene.is_metric == (said != "none")


def test_too_few_or_unconnected_keyframes_are_refused() -> None:
    window = KeyframeWindow(takes_unposed=False)
    with pytest.raises(InputError, match="expected two or more keyframes, got 1: move the camera"):
        WindowReconstruction(offered(window, flat(0)), None)
    apart = WindowReconstruction(offered(window, flat(100, 1)), None)
    with pytest.raises(InputError, match="no two of 2 keyframes see the same surface"):
        apart.run(lambda items, stage: items)
