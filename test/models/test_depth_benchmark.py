"""Depth benchmark: operation counts, times, and the comparison with a reference."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from terminal import unity_depth
from torch import Tensor, nn
from torch.nn import functional

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import ModelError
from unity_depth_perception.evaluation.speed.depth_models import (
    CallTimes,
    FlopCounter,
    count_flops,
    matmul_flops_per_s,
    peak_memory,
    time_calls,
    whole_call,
)
from unity_depth_perception.evaluation.speed.reference_models import has_reference, load_reference, write_random_weights
from unity_depth_perception.models.depth_anything_2.variants import DA2_VARIANTS, Architecture
from unity_depth_perception.models.protocols import DepthPrediction
from unity_depth_perception.models.registry import create_depth_estimator
from unity_depth_perception.models.runtime.options import DepthOptions

CPU = torch.device("cpu")
DA2 = "da2-metric-outdoor-small"
TINY = Architecture(32, 4, 2, (1, 2, 3, 4), (8, 16, 32, 32), 8, positions_px=140)


@pytest.fixture
def tiny_da2(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("transformers")
    monkeypatch.setitem(DA2_VARIANTS, DA2, replace(DA2_VARIANTS[DA2], architecture=TINY))


class Product:
    """A depth model that is one linear layer of 3 to 1 channels, and a convolution in bfloat16."""

    proposer = None

    name = "product"
    device = CPU

    def __init__(self) -> None:
        self.linear = nn.Linear(3, 1)
        self.convolution = nn.Conv2d(1, 2, 3, padding=1, bias=False).to(torch.bfloat16)

    def infer(self, image: Tensor, camera: Camera, gravity: Any = None, proposals: Any = None) -> DepthPrediction:
        depth = self.linear(image.float())[..., 0]
        self.convolution(depth[None, None].to(torch.bfloat16))
        return DepthPrediction(depth, is_metric=True)


def test_operations_are_counted_by_the_type_they_run_in() -> None:
    image = torch.zeros(10, 20, 3, dtype=torch.uint8).numpy()
    flops = count_flops(Product(), image, Camera.from_vertical_fov(1.0, 20, 10))
    assert flops == {torch.float32: 2 * 200 * 3, torch.bfloat16: 2 * 200 * 9 * 2}


def test_attention_is_counted() -> None:
    tokens = torch.zeros(1, 2, 50, 16)
    with torch.no_grad(), FlopCounter() as counter:
        functional.scaled_dot_product_attention(tokens, tokens, tokens)
    assert counter.flops == {torch.float32: 2 * 2 * 2 * 50 * 50 * 16}  # two products of 2 heads, 2 operations each


def test_a_matrix_product_has_a_speed() -> None:
    assert matmul_flops_per_s(torch.float32, CPU) > 1e8


def test_calls_take_turns_after_warming_up() -> None:
    order: list[str] = []
    times = time_calls({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, 3)
    assert order == ["a", "b"] * (2 + 3)
    assert {name: len(one.wall_s) for name, one in times.items()} == {"a": 3, "b": 3}


def test_percentiles_are_in_milliseconds() -> None:
    times = CallTimes([0.001, 0.002, 0.004], [0.01, 0.02, 0.04])
    assert times.wall_ms(50) == pytest.approx(2)
    assert times.wall_ms(100) == pytest.approx(4)
    assert times.cpu_ms(50) == pytest.approx(20)


def test_a_whole_call_gives_depth_of_the_images_size() -> None:
    image = torch.randint(0, 256, (6, 8, 3), dtype=torch.uint8).numpy()
    assert whole_call(Product(), image, Camera.from_vertical_fov(1.0, 8, 6))().shape == (6, 8)  # type: ignore[attr-defined]


def test_the_peak_of_memory_is_that_of_the_call() -> None:
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pytest.skip("this machine does not let a process reset its peak")
    small, large = peak_memory(lambda: None, CPU), peak_memory(lambda: torch.ones(64, 1 << 20), CPU)
    assert 200 << 20 < large - small < 400 << 20
    assert abs(peak_memory(lambda: None, CPU) - small) < 100 << 20


def test_only_depth_anything_has_a_reference(tmp_path: Path) -> None:
    assert [has_reference(name) for name in ("da3-small", DA2, "compact", "floor-plane")] == [True, True, False, False]
    with pytest.raises(ModelError, match="leave out --weights"):
        write_random_weights("compact", tmp_path)


def test_the_reference_has_the_weights_of_our_back_end(tiny_da2: None, tmp_path: Path) -> None:
    write_random_weights(DA2, tmp_path)
    image = torch.randint(0, 256, (140, 140, 3), dtype=torch.uint8).numpy()
    expected = load_reference(DA2, tmp_path, CPU, size_px=140).infer(image)
    model = create_depth_estimator(DA2, CPU, tmp_path, DepthOptions(size_px=140, precision="float32"))
    ours = whole_call(model, image, Camera.from_vertical_fov(1.0, 140, 140))()
    torch.testing.assert_close(ours, expected, rtol=1e-3, atol=0)
    assert 10 < float(expected.mean()) < 70  # of 80 m  # type: ignore[attr-defined]


def test_the_table_has_time_memory_and_the_floor(tiny_da2: None) -> None:
    size = ("--size", "64x48", "--processing-size", "140", "--frames", "2")
    options = (*size, "--weights", "random", "--precision", "float32")
    result = unity_depth("benchmark", "depth", "--model", DA2, *options, "--device", "cpu")
    assert result.returncode == 0, result.stderr
    for words in (
        DA2,
        "transformers pipeline",
        "ratio",
        "p99 ms",
        "peak memory",
        "arithmetic floor",
        "float32",
        "load",
    ):
        assert words in result.stdout


def test_a_model_without_a_reference_is_timed_alone() -> None:
    result = unity_depth("benchmark", "depth", "--model", "compact", "--size", "64x48", "--frames", "1")
    assert result.returncode == 0, result.stderr
    assert "ratio" not in result.stdout
    assert "arithmetic floor" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "da4"], "unknown depth model 'da4'"),
        (["--model", "compact", "--weights", "random"], "leave out --weights"),
        (["--model", DA2, "--weights", "no/such/folder"], "no/such/folder"),
        (["--model", "compact", "--precision", "int8"], "expected precision one of"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_call_is_exit_code_2_and_a_message(arguments: list[str], message: str) -> None:
    result = unity_depth("benchmark", "depth", *arguments, "--size", "64x48")
    assert result.returncode == 2
    assert message in result.stderr
