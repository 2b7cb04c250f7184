"""How networks are run: arithmetic, compilation, CUDA graphs, and what happens where they cannot be had."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor

from unity_depth_perception.core.errors import ConfigurationError
from unity_depth_perception.models.depth_anything_3.network import RawDepth
from unity_depth_perception.models.runtime.acceleration import accelerate, resolve_precision
from unity_depth_perception.models.runtime.options import DepthOptions

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
