"""Models by name or by path, their device and their weights: what cannot be used is named."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from unity_depth_perception.core.errors import ConfigurationError, ModelError
from unity_depth_perception.models.checkpoints.safetensors_file import load_weights, save_weights
from unity_depth_perception.models.compact.dense.depth_network import CompactDepthNetwork
from unity_depth_perception.models.compact.depth import DEPTH_WEIGHTS
from unity_depth_perception.models.compact.object_proposer import SEGMENTATION_WEIGHTS
from unity_depth_perception.models.registry import create_depth_estimator, create_segmenter
from unity_depth_perception.models.runtime.device import resolve_device

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("requested", "cuda", "expected"),
    [
        ("auto", True, "cuda"),
        ("auto", False, "cpu"),
        ("cpu", True, "cpu"),
        ("cuda", True, "cuda"),
        ("cuda:1", True, "cuda:1"),
    ],
)
def test_device(requested: str, cuda: bool, expected: str) -> None:
    assert resolve_device(requested, cuda) == torch.device(expected)


@pytest.mark.parametrize(("requested", "cuda"), [("gpu", True), ("cuda", False), ("cuda:x", True), ("", True)])
def test_unavailable_device_is_refused(requested: str, cuda: bool) -> None:
    with pytest.raises(ConfigurationError, match="device"):
        resolve_device(requested, cuda)


@pytest.mark.parametrize("create", [create_depth_estimator, create_segmenter])
def test_an_unknown_model_is_named_with_what_there_is(create: object) -> None:
    with pytest.raises(ModelError, match=r"'nonsense'.*compact"):
        create("nonsense", CPU)  # type: ignore[operator]


def _truncated(path: Path) -> None:
    path.write_bytes(DEPTH_WEIGHTS.read_bytes()[:100_000])


def _no_safetensors(path: Path) -> None:
    path.write_bytes(b"\x80\x02}q\x00." * 100)


def _foreign(path: Path) -> None:
    save_file({"weight": torch.ones(3)}, path)


def _other_kind(path: Path) -> None:
    path.write_bytes(SEGMENTATION_WEIGHTS.read_bytes())


def _missing_tensor(path: Path) -> None:
    state, description = load_weights(DEPTH_WEIGHTS)
    del state["dense.head.weight"]
    save_weights(path, state, description)


def _other_shape(path: Path) -> None:
    state, description = load_weights(DEPTH_WEIGHTS)
    save_weights(path, {**state, "dense.head.weight": torch.ones(1, 8, 3, 3)}, description)


def _not_finite(path: Path) -> None:
    state, description = load_weights(DEPTH_WEIGHTS)
    save_weights(path, {**state, "dense.head.bias": torch.full_like(state["dense.head.bias"], math.nan)}, description)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_truncated, "cannot be read"),
        (_no_safetensors, "got one of torch.save"),
        (_foreign, "other safetensors; published weights .* --depth-weights"),
        (_other_kind, "of kind compact-depth"),
        (_missing_tensor, r"expected a tensor dense\.head\.weight"),
        (_other_shape, r"expected dense\.head\.weight of shape \(32, 32, 3, 3\), got \(1, 8, 3, 3\)"),
        (_not_finite, "NaN or infinity"),
        (lambda path: None, "no such weights file"),
        (lambda path: path.mkdir(), "got a folder"),
    ],
)
def test_weights_that_cannot_be_used_are_refused(tmp_path: Path, spoil: object, message: str) -> None:
    path = tmp_path / "weights.safetensors"
    spoil(path)  # type: ignore[operator]
    with pytest.raises(ModelError, match=message) as error:
        create_depth_estimator(str(path), CPU)
    assert str(path) in str(error.value)


def test_models_named_by_a_weights_file_take_no_other_weights() -> None:
    with pytest.raises(ModelError, match=r"compact_depth\.safetensors is a file of weights itself; leave out other"):
        create_depth_estimator(str(DEPTH_WEIGHTS), CPU, Path("other"))


def test_a_model_of_other_weights_goes_by_their_path(tmp_path: Path) -> None:
    for create, weights in ((create_depth_estimator, DEPTH_WEIGHTS), (create_segmenter, SEGMENTATION_WEIGHTS)):
        copy = tmp_path / weights.name
        copy.write_bytes(weights.read_bytes())
        assert create(str(copy), CPU).name == str(copy)
        assert create("compact", CPU).name == "compact"


def test_weights_come_back_as_they_were_saved(tmp_path: Path) -> None:
    network = CompactDepthNetwork()
    save_weights(tmp_path / "w.safetensors", network.state_dict(), {"kind": "compact-depth", "note": "µ"})
    state, description = load_weights(tmp_path / "w.safetensors")
    assert description == {"kind": "compact-depth", "note": "µ"}
    for name, value in network.state_dict().items():
        assert torch.allclose(state[name].float(), value.float(), rtol=1e-3, atol=1e-6), name


def test_the_embedded_weights_say_what_they_are() -> None:
    for path, kind in ((DEPTH_WEIGHTS, "compact-depth"), (SEGMENTATION_WEIGHTS, "compact-segmentation")):
        _, description = load_weights(path)
        assert description["kind"] == kind
        assert json.dumps(description["training"])
