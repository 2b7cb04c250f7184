"""Networks in inference engines: torch's results in torch's structure, the cache, and what happens where it fails."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import torch
from torch import Tensor, nn

from unity_depth_perception.core.errors import ConfigurationError
from unity_depth_perception.models.engine import accelerated_network, choice
from unity_depth_perception.models.engine.accelerated_network import AcceleratedNetwork, exporting
from unity_depth_perception.models.engine.cache import CacheEntry, cache_folder, weights_digest
from unity_depth_perception.models.engine.choice import relative_difference
from unity_depth_perception.models.engine.onnx_file import MethodModule, export_onnx, tensors_in
from unity_depth_perception.models.engine.sessions import ENGINES, how_to_install, is_installed, open_session
from unity_depth_perception.models.registry import create_segmenter
from unity_depth_perception.models.runtime.acceleration import accelerate
from unity_depth_perception.models.runtime.options import DepthOptions

CPU = torch.device("cpu")
IMAGE = torch.rand(1, 3, 8, 12, generator=torch.Generator().manual_seed(0))


class Result(NamedTuple):
    depth: Tensor
    confidence: Tensor | None
    levels: dict[str, Tensor]


class Network(nn.Module):
    """Two convolutions, a constant that depends on the size, and a nested result with a gap in it."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first, self.second = nn.Conv2d(3, 4, 3, padding=1), nn.Conv2d(4, 1, 1)

    def forward(self, image: Tensor) -> Result:
        features = self.first(image).relu()
        return Result(self.second(features)[0, 0].exp(), None, {"0": features, "1": features[..., ::2, ::2] * 2})


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    caplog.set_level(logging.INFO, "unity_depth_perception")


class Engines:
    """Test double of exporter and engines: what is "exported" is the network in memory, and calls are counted."""

    def __init__(self) -> None:
        self.network: nn.Module = nn.Identity()
        self.exports = 0
        self.calls: list[str] = []
        self.factor: dict[str, float] = {}
        self.seconds = {"torch": 3.0, "onnxruntime": 2.0, "openvino": 1.0}

    def export(self, network: nn.Module, arguments: Any, path: Path) -> None:
        self.exports += 1
        self.network = network
        path.write_bytes(b"exported")

    def open(self, engine: str, path: Path, device: torch.device, threads: int) -> Callable[..., list[Tensor]]:
        if path.read_bytes() != b"exported":
            raise RuntimeError("no protobuf\nat byte 0")

        def call(inputs: Sequence[Tensor]) -> list[Tensor]:
            self.calls.append(engine)
            return [self.factor.get(engine, 1.0) * output for output in tensors_in(self.network(*inputs))]

        return call

    def measure(self, calls: dict[str, Callable[[], object]]) -> dict[str, float]:
        return {name: self.seconds[name] for name in calls}


@pytest.fixture
def engines(monkeypatch: pytest.MonkeyPatch) -> Engines:
    double = Engines()
    monkeypatch.setattr(accelerated_network, "export_onnx", double.export)
    monkeypatch.setattr(accelerated_network, "measure_times", double.measure)
    monkeypatch.setattr(accelerated_network, "_is_idle", lambda: True)
    monkeypatch.setattr(choice, "open_session", double.open)
    return double


def accelerated(network: nn.Module, engines: Sequence[str] = ("onnxruntime",), **options: bool) -> AcceleratedNetwork:
    return AcceleratedNetwork(network, engines, CPU, "net", **{"if_faster": False, **options})


def prepared(network: nn.Module, engines: Sequence[str] = ("onnxruntime",), **options: bool) -> AcceleratedNetwork:
    """After the first call with IMAGE."""
    fast = accelerated(network, engines, **options)
    with torch.inference_mode(), exporting():
        fast(IMAGE)
    return fast


def assert_same(ours: Result, expected: Result) -> None:
    assert type(ours) is type(expected)
    assert ours.confidence is None
    assert list(ours.levels) == list(expected.levels)
    for output, right in zip(tensors_in(ours), tensors_in(expected), strict=True):
        torch.testing.assert_close(output, right, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("engine", ENGINES)
def test_engine_gives_the_results_of_torch_in_their_structure(engine: str) -> None:
    if not is_installed(engine):
        pytest.skip(how_to_install(engine))
    network = Network().eval()
    fast = prepared(network, [engine])
    with torch.inference_mode():
        other = torch.rand(1, 3, 8, 12).to(memory_format=torch.channels_last)
        first, kept = fast(other), fast(IMAGE)
        assert_same(first, network(other))
        assert_same(kept, network(IMAGE))
    assert not isinstance(fast._runs[(IMAGE.shape,)], type(None))  # it was the engine that ran


@pytest.mark.parametrize("engine", ENGINES)
def test_engine_runs_a_method_with_nested_arguments_of_several_sizes(engine: str, tmp_path: Path) -> None:
    if not is_installed(engine):
        pytest.skip(how_to_install(engine))

    class Pair(nn.Module):
        def combine(self, pair: tuple[Tensor, Tensor], scale: Tensor) -> Tensor:
            return (pair[0] - 2 * pair[1].mean()) * scale

    module, pair = MethodModule(Pair(), "combine").eval(), (torch.rand(3, 4), torch.rand(2))
    export_onnx(module, (pair, torch.ones(1)), tmp_path / "pair.onnx")
    scale = torch.tensor([3.0])
    (output,) = open_session(engine, tmp_path / "pair.onnx", CPU, 1)([*pair, scale])
    torch.testing.assert_close(output, module(pair, scale))


def test_network_is_exported_once_for_each_size_and_loaded_from_the_cache_afterwards(engines: Engines) -> None:
    network = Network().eval()
    fast = prepared(network)
    with torch.inference_mode():
        assert_same(fast(IMAGE), network(IMAGE))
        assert (engines.exports, engines.calls) == (1, ["onnxruntime"] * 2)  # the check, then the call
        again = accelerated(network)
        again(IMAGE)
        assert_same(again(IMAGE), network(IMAGE))
        assert (engines.exports, len(engines.calls)) == (1, 4)
        with exporting():
            again(IMAGE[..., :6])
    assert engines.exports == 2


def test_network_is_not_exported_in_a_live_frame(engines: Engines, caplog: pytest.LogCaptureFixture) -> None:
    network = Network().eval()
    fast = accelerated(network)
    with torch.inference_mode():
        for _ in range(2):
            assert_same(fast(IMAGE), network(IMAGE))
        assert (engines.exports, engines.calls) == (0, [])
        assert [text.partition(";")[0] for text in caplog.messages] == [
            "net is not exported for inputs of 1x3x8x12: running in torch"
        ]
        with exporting():
            fast(IMAGE)
        fast(IMAGE)
    assert (engines.exports, len(engines.calls)) == (1, 2)


def test_engine_that_differs_from_torch_is_refused(engines: Engines, caplog: pytest.LogCaptureFixture) -> None:
    engines.factor = {"onnxruntime": 1 + 2e-4, "openvino": 1 + 5e-5}
    fast = prepared(Network().eval(), ENGINES)
    engines.calls.clear()
    with torch.inference_mode():
        fast(IMAGE)
    assert engines.calls == ["openvino"]
    assert "onnxruntime is not used for net: its result differs from torch by 0.0002" in caplog.messages
    engines.factor = dict.fromkeys(ENGINES, 1.1)
    refused = prepared(nn.Sequential(Network()).eval(), ENGINES)
    engines.calls.clear()
    with torch.inference_mode():
        refused(IMAGE)
    assert engines.calls == []


def test_damaged_file_in_the_cache_is_exported_anew(engines: Engines, caplog: pytest.LogCaptureFixture) -> None:
    network = Network().eval()
    prepared(network)
    (model,) = cache_folder().glob("*/model.onnx")
    model.write_bytes(b"torn")
    with torch.inference_mode():
        live = accelerated(network)
        live(IMAGE)
        assert_same(live(IMAGE), network(IMAGE))
    assert "onnxruntime cannot run net (RuntimeError: no protobuf)" in caplog.messages
    assert engines.exports == 1
    prepared(network)
    assert (engines.exports, model.read_bytes()) == (2, b"exported")


def test_network_that_cannot_be_exported_runs_in_torch(
    engines: Engines, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(*_: object) -> None:
        raise ValueError("aten::strange\nsecond line")

    monkeypatch.setattr(accelerated_network, "export_onnx", refuse)
    network = Network().eval()
    fast = prepared(network)
    with torch.inference_mode():
        assert_same(fast(IMAGE), network(IMAGE))
    assert caplog.messages[-1] == ("onnxruntime cannot be used for net (ValueError: aten::strange): running in torch")
    assert not list(cache_folder().glob("*/model.onnx"))


def test_engine_that_fails_in_a_frame_is_left(engines: Engines, caplog: pytest.LogCaptureFixture) -> None:
    network = Network().eval()
    fast = prepared(network)
    engines.network = nn.Linear(1, 1)  # takes no image
    with torch.inference_mode():
        for _ in range(2):
            assert_same(fast(IMAGE), network(IMAGE))
    assert sum("failed for net" in text for text in caplog.messages) == 1


def test_auto_takes_the_fastest_and_remembers_it(engines: Engines) -> None:
    network = Network().eval()
    fast = prepared(network, ENGINES, if_faster=True)
    engines.calls.clear()
    with torch.inference_mode():
        fast(IMAGE)
        assert engines.calls == ["openvino"]
        engines.seconds = {"torch": 0.0, "onnxruntime": 0.0, "openvino": 9.0}  # not measured again
        again = prepared(network, ENGINES, if_faster=True)
        engines.calls.clear()
        again(IMAGE)
        assert engines.calls == ["openvino"]


def test_auto_takes_torch_where_that_is_fastest(engines: Engines) -> None:
    engines.seconds["torch"] = 0.5
    network = Network().eval()
    for _ in range(2):
        fast = prepared(network, ENGINES, if_faster=True)
        engines.calls.clear()
        with torch.inference_mode():
            assert_same(fast(IMAGE), network(IMAGE))
        assert engines.calls == []


def test_auto_on_a_busy_machine_takes_the_first_engine_and_measures_later(
    engines: Engines, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = Network().eval()
    for is_idle, expected in ((False, "onnxruntime"), (True, "openvino")):
        monkeypatch.setattr(accelerated_network, "_is_idle", lambda is_idle=is_idle: is_idle)
        fast = prepared(network, ENGINES, if_faster=True)
        engines.calls.clear()
        with torch.inference_mode():
            fast(IMAGE)
        assert engines.calls == [expected]


def test_cache_entry_is_named_by_weights_structure_and_size() -> None:
    network = Network().eval()
    digest = weights_digest(network)
    assert digest == weights_digest(Network().eval())
    assert len({digest, weights_digest(MethodModule(network, "a")), weights_digest(MethodModule(network, "b"))}) == 3
    with torch.no_grad():
        network.second.bias += 1e-6
    assert digest != weights_digest(network)
    assert CacheEntry.of(digest, [IMAGE]) != CacheEntry.of(digest, [IMAGE[..., :6]])


def test_relative_difference_is_that_of_the_worst_output() -> None:
    expected = [torch.tensor([1.0, -4.0]), torch.tensor([100.0])]
    assert relative_difference(expected, expected) == 0.0
    assert relative_difference([torch.tensor([1.1, -4.0]), torch.tensor([101.0])], expected) == pytest.approx(0.025)
    assert not relative_difference([torch.tensor([torch.nan, -4.0]), expected[1]], expected) <= 1.0
    assert relative_difference([torch.zeros(2)], [torch.zeros(2)]) == 0.0


def test_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    network = Network()
    assert accelerate(network, "openvino", CPU) is network
    assert caplog.messages == [
        "openvino needs onnx, onnxscript, openvino, which this Python does not have: "
        "pip install unity-depth-perception[openvino]; running in torch"
    ]
    caplog.clear()
    assert accelerate(network, "auto", CPU) is network
    assert caplog.messages == []


def test_engine_leaves_a_network_of_sixteen_bits_in_torch(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: name)
    network = Network()
    for acceleration in ("onnxruntime", "auto"):
        assert accelerate(network, acceleration, CPU, precision=torch.bfloat16) is network
    assert caplog.messages == [
        "onnxruntime runs networks in float32, this one runs in torch.bfloat16: running in torch"
    ]
    assert DepthOptions(acceleration="onnxruntime").network_precision == "float32"
    assert DepthOptions(acceleration="onnxruntime", precision="bfloat16").network_precision == "bfloat16"
    assert DepthOptions(acceleration="auto").network_precision == "auto"


def test_unknown_acceleration_is_refused() -> None:
    with pytest.raises(ConfigurationError, match=r"acceleration one of auto, none.*'magic'"):
        create_segmenter("compact", CPU, "magic")
    with pytest.raises(ConfigurationError, match=r"acceleration one of auto, none.*'magic'"):
        DepthOptions(proposer_acceleration="magic")
