"""How networks are run: arithmetic, compilation, CUDA graphs, and what happens where they cannot be had."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from random_models import estimator_with, random_network
from torch import Tensor
from torch.utils import _pytree as pytree

from unity_depth_perception.core.errors import ConfigurationError
from unity_depth_perception.models.compact.depth import CompactDepth
from unity_depth_perception.models.compact.segmentation import CompactSegmenter
from unity_depth_perception.models.depth_anything_3.network import RawDepth
from unity_depth_perception.models.runtime import acceleration
from unity_depth_perception.models.runtime.acceleration import Network, accelerate, resolve_precision
from unity_depth_perception.models.runtime.options import DepthOptions
from unity_depth_perception.pipeline import Frame, PerceptionPipeline
from unity_depth_perception.synthetic.samples import render_samples

CPU = torch.device("cpu")


def test_precision_is_chosen_by_device() -> None:
    assert resolve_precision("float16", CPU) == torch.float16
    assert resolve_precision("auto", CPU) in (torch.float32, torch.bfloat16)
    with pytest.raises(ConfigurationError, match=r"precision one of auto, float32.*'int8'"):
        DepthOptions(precision="int8")
    with pytest.raises(ConfigurationError, match=r"acceleration one of auto, none.*'magic'"):
        DepthOptions(acceleration="magic")
    with pytest.raises(ConfigurationError, match="28 to 4096"):
        DepthOptions(size_px=5)


@pytest.mark.parametrize(
    ("slower", "sides", "chosen"), [(0.5, [256, 1024], torch.bfloat16), (40, [256], torch.float32)]
)
def test_emulated_bfloat16_is_told_by_small_matrices(
    slower: float, sides: list[int], chosen: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One product of 1024 x 1024 takes seconds in emulated bfloat16."""
    measured: list[int] = []

    def matmul_s(dtype: torch.dtype, side: int) -> float:
        if dtype != torch.bfloat16:
            return 1.0
        measured.append(side)
        return slower

    monkeypatch.setattr(acceleration, "_matmul_s", matmul_s)
    acceleration._bfloat16_speedup.cache_clear()
    try:
        assert resolve_precision("auto", CPU) == chosen
        assert measured == sides
    finally:
        acceleration._bfloat16_speedup.cache_clear()


def test_unavailable_acceleration_is_skipped_with_a_warning(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(network: Any, **options: Any) -> Any:
        def call(image: Tensor) -> Tensor:
            raise RuntimeError("no compiler\nat line 5")

        return call

    monkeypatch.setattr(torch, "compile", broken)
    compiled = accelerate(lambda image: image + 1, "compile", CPU)
    assert [int(compiled(torch.tensor(k))) for k in (1, 2)] == [2, 3]
    assert caplog.messages == ["torch.compile failed (RuntimeError: no compiler): running without"]
    caplog.clear()
    graph = accelerate(lambda image: image + 1, "cuda_graph", CPU)
    assert int(graph(torch.tensor(1))) == 2
    assert caplog.messages == ["CUDA graphs need a GPU: running on cpu without"]


@pytest.mark.gpu
def test_a_cuda_graph_gives_the_network_s_values_for_each_size() -> None:
    device = torch.device("cuda")

    def plain(image: Tensor) -> RawDepth:
        return RawDepth(image.mean(dim=1)[0] * 2)

    graph = accelerate(plain, "cuda_graph", device)
    results = []
    for side in (28, 42, 28):
        image = torch.randn(1, 3, side, side, device=device)
        results.append((graph(image).depth, plain(image).depth))
    for ours, expected in results:
        torch.testing.assert_close(ours, expected)


class Replay:
    """Stands in for a captured CUDA graph on a CPU: computes anew from the static inputs, into the static outputs."""

    def __init__(self, network: Network, arguments: tuple[Any, ...], outputs: list[Tensor | None]) -> None:
        self._network, self._arguments, self._outputs = network, arguments, outputs

    def replay(self) -> None:
        for static, new in zip(self._outputs, pytree.tree_leaves(self._network(*self._arguments)), strict=True):
            if static is not None:
                static.copy_(new)


def capture_on_cpu(network: Network, structure: pytree.TreeSpec, forms: Any) -> tuple[Replay, list[Tensor], Any]:
    """As `_captured`, whose graph can only be captured on a GPU."""
    inputs = [torch.zeros(shape, dtype=dtype) for shape, dtype, _ in forms]
    arguments = pytree.tree_unflatten(inputs, structure)
    found = network(*arguments)
    leaves = pytree.tree_leaves(found)
    # A replay would repeat any other value, that of the capture.
    assert all(leaf is None or isinstance(leaf, Tensor) for leaf in leaves)
    return Replay(network, arguments, leaves), inputs, found


@pytest.fixture
def graphs_on_cpu(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Networks that ask for `compile` are replayed as graphs are; returns the names of those that failed."""
    monkeypatch.setattr(acceleration, "_captured", capture_on_cpu)
    monkeypatch.setattr(torch, "compile", lambda network, **_: acceleration._Graphs(network))
    failed: list[str] = []
    monkeypatch.setattr(acceleration._LOG, "warning", lambda message, *values: failed.append(message % values))
    return failed


@pytest.mark.parametrize("model", ["da3metric-large", "da3-small", "da2-metric-indoor-small"])
def test_depth_of_several_images_is_the_same_from_replayed_graphs(
    model: str, graphs_on_cpu: list[str], reduced: None
) -> None:
    samples = render_samples([3, 4], 96, 72) + render_samples([3], 72, 96)
    network = random_network(model, CPU)
    plain, replayed = (
        estimator_with(network, model, CPU, DepthOptions(28, "float32", each)) for each in ("none", "compile")
    )
    with torch.inference_mode():
        for sample in samples + samples:
            image = torch.from_numpy(sample.image)
            expected, found = (each.infer(image, sample.camera).depth_m for each in (plain, replayed))
            torch.testing.assert_close(found, expected)
    assert graphs_on_cpu == []


def test_objects_of_several_images_are_the_same_from_replayed_graphs(graphs_on_cpu: list[str]) -> None:
    samples = render_samples([900_000_000, 900_000_005], 256, 192)
    options = DepthOptions(acceleration="compile", proposer_acceleration="compile")
    replayed = PerceptionPipeline(CompactDepth(CPU, options=options), CompactSegmenter(CPU, acceleration="compile"))
    plain = PerceptionPipeline(CompactDepth(CPU), CompactSegmenter(CPU))
    for sample in samples + samples:
        frame = Frame(sample.image, sample.camera)
        expected, found = plain.process(frame), replayed.process(frame)
        torch.testing.assert_close(found.depth.depth_m, expected.depth.depth_m)
        assert [item.bbox for item in found.objects] == [item.bbox for item in expected.objects]
        assert len(found.objects) > 2
    assert graphs_on_cpu == []
