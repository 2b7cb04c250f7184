"""Device placement without a GPU: on a simulated one, devices never mix, and the depth path never waits."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from random_models import estimator_with, random_network
from room_views import exact_view, room_scenes
from simulated_gpu import GPU, DeviceMismatchError, simulated_gpu

from unity_depth_perception.models.registry import create_depth_estimator, create_segmenter
from unity_depth_perception.models.runtime.options import DepthOptions
from unity_depth_perception.models.runtime.upload import upload
from unity_depth_perception.ops.cloud import pack_cloud
from unity_depth_perception.pipeline import Frame, PerceptionPipeline
from unity_depth_perception.reconstruction.reconstruct import reconstruct
from unity_depth_perception.reconstruction.sources.input_view import InputView
from unity_depth_perception.reconstruction.temporal import TemporalAligner
from unity_depth_perception.synthetic.render import render
from unity_depth_perception.synthetic.samples import render_samples

CPU = torch.device("cpu")
DOCUMENTED, MANY, FEW = 900_000_000, 900_000_005, 900_000_007  # seeds of scenes of 6, 9 objects and one
MODELS = ("da3metric-large", "da3-small", "da3nested-giant-large-1.1", "da2-metric-indoor-small")


def test_the_simulated_gpu_refuses_and_counts_as_torch() -> None:
    with simulated_gpu() as waits:
        ours = torch.arange(4.0, device=GPU)
        with pytest.raises(DeviceMismatchError, match=r"add\.Tensor"):
            ours + torch.ones(4)
        with pytest.raises(TypeError, match="cpu"):
            ours.numpy()
        assert torch.equal((ours + 1.0).mul(torch.tensor(2.0)).sum().cpu(), torch.tensor(20.0))
        waits.clear()
        ours.add_(1).cumsum(0)
        assert not waits
        assert ours[ours > 2].tolist() == [3.0, 4.0]
        assert bool((ours > 0).all())
        assert upload([1.0, 2.0], ours).device == GPU
        assert sum(waits.values()) == 3  # the mask as an index, the download, the bool


@pytest.mark.parametrize("model", MODELS)
def test_depth_path_never_waits_for_the_device(model: str, reduced: None) -> None:
    (sample,) = render_samples([5], 96, 72)
    network, options = random_network(model, CPU), DepthOptions(28, "float32")
    with torch.no_grad():
        exact = estimator_with(network, model, CPU, options).infer(torch.from_numpy(sample.image), sample.camera)
    with simulated_gpu() as waits, torch.no_grad():
        estimator, image = estimator_with(network, model, GPU, options), torch.from_numpy(sample.image).to(GPU)
        estimator.infer(image, sample.camera)  # fills the caches
        waits.clear()
        depth_m = estimator.infer(image, sample.camera).depth_m
        assert dict(waits) == {}
        assert depth_m.device == GPU
        torch.testing.assert_close(depth_m.cpu(), exact.depth_m, rtol=1e-4, atol=0)


@pytest.fixture(scope="module")
def waits_by_seed() -> dict[int, tuple[Counter[str], int]]:
    """How often each file of the package waits in a frame of some scenes, and how many objects are found."""
    found = {}
    with simulated_gpu() as waits:
        pipeline = PerceptionPipeline(create_depth_estimator("compact", GPU), create_segmenter("compact", GPU))
        for seed in (DOCUMENTED, DOCUMENTED, MANY, FEW):  # the first frame fills caches
            (sample,) = render_samples([seed], 256, 192)
            waits.clear()
            result = pipeline.process(Frame(sample.image, sample.camera))
            files: Counter[str] = Counter()
            for line, times in waits.items():
                files[line.removeprefix("unity_depth_perception/").partition(":")[0]] += times
            found[seed] = files, len(result.objects)
    return found


def test_a_frame_waits_as_often_whatever_the_number_of_objects(
    waits_by_seed: dict[int, tuple[Counter[str], int]],
) -> None:
    (waits, objects), (waits_of_few, few) = waits_by_seed[MANY], waits_by_seed[FEW]
    assert objects > 5 > 2 > few > 0
    assert waits.total() <= 52
    assert waits.total() <= waits_of_few.total() + 2  # a branch more or less


def test_waits_of_a_frame_are_those_of_the_documentation(waits_by_seed: dict[int, tuple[Counter[str], int]]) -> None:
    text = (Path(__file__).parents[2] / "docs" / "performance.md").read_text(encoding="utf-8")
    documented = {name: int(times) for name, times in re.findall(r"^\| ([\w/]+\.py) \| (\d+) \|", text, re.MULTILINE)}
    assert waits_by_seed[DOCUMENTED][0] == documented
    assert f"waits {sum(documented.values())} times" in text


def test_the_pipeline_keeps_its_tensors_on_the_device() -> None:
    (sample,) = render_samples([900_000_000], 256, 192)
    frame = Frame(sample.image, sample.camera)
    exact = PerceptionPipeline(create_depth_estimator("compact", CPU), create_segmenter("compact", CPU)).process(frame)
    with simulated_gpu():
        models = create_depth_estimator("compact", GPU), create_segmenter("compact", GPU)
        result = PerceptionPipeline(*models).process(frame)
        cloud = pack_cloud(result.depth.depth_m, result.rgb, frame.camera)
        assert cloud.device == GPU
    found = [(item.category, item.bbox, item.parent_id) for item in result.objects]
    assert len(found) > 2
    assert found == [(item.category, item.bbox, item.parent_id) for item in exact.objects]


@pytest.mark.parametrize("posed", [True, False])
def test_several_views_are_inferred_on_the_device_and_fused_as_on_a_cpu(posed: bool, reduced: None) -> None:
    network, options = random_network("da3-small", CPU), DepthOptions(56, "float32")
    views = [
        InputView(f"{k}", render([scene]).image[0].numpy(), scene.camera, scene.world_from_camera if posed else None)
        for k, scene in enumerate(room_scenes(3, turn=0.2))
    ]
    exact = reconstruct(views, estimator_with(network, "da3-small", CPU, options))
    with simulated_gpu():
        found = reconstruct(views, estimator_with(network, "da3-small", GPU, options))
    for ours, true in zip(found.scene.views, exact.scene.views, strict=True):
        np.testing.assert_allclose(ours.depth_m, true.depth_m, rtol=1e-4)
        np.testing.assert_allclose(ours.world_from_camera, true.world_from_camera, atol=1e-4)
    assert len(found.scene.points_m) == pytest.approx(len(exact.scene.points_m), rel=0.02)
    assert found.scale == exact.scale


def test_frames_of_a_moving_camera_are_aligned_on_the_device() -> None:
    views = [exact_view(scene) for scene in room_scenes(4, turn=0.2)]
    found = []
    for device in (CPU, GPU):
        aligner = TemporalAligner()
        with simulated_gpu():
            for k, view in enumerate(views):
                depth_m = (view.depth_m * (1 + 0.02 * k)).to(device)
                aligned_m = aligner.align(depth_m, view.camera, view.world_from_camera)
                assert aligned_m.device == device
            found.append(aligned_m.cpu())
    torch.testing.assert_close(found[1], found[0])
