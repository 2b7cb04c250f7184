"""Weights from disk, from the cache and from the hub; what is said when there are none."""

from __future__ import annotations

import logging
import pickle
import socket
from pathlib import Path

import huggingface_hub
import pytest
import torch
from huggingface_hub.errors import LocalEntryNotFoundError
from safetensors.torch import save_file, save_model
from torch import nn

from unity_depth_perception.core.errors import ModelError
from unity_depth_perception.models.checkpoints import hub
from unity_depth_perception.models.checkpoints.hub import Published, locate_weights, read_tensors
from unity_depth_perception.models.checkpoints.safetensors_file import fill_network

FREE = Published("someone/FREE")
RESTRICTED = Published("someone/RESTRICTED", "CC-BY-NC-4.0")


def test_a_file_or_its_folder_replaces_the_hub(tmp_path: Path) -> None:
    file = tmp_path / "model.safetensors"
    save_file({"a": torch.ones(2)}, file)
    assert locate_weights(FREE, file) == locate_weights(FREE, tmp_path) == file
    assert read_tensors(file)["a"].tolist() == [1, 1]


def test_the_cache_comes_before_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def download(repository: str, name: str, local_files_only: bool = False) -> str:
        asked.append(local_files_only)
        return str(tmp_path / repository / name)

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    assert locate_weights(FREE) == tmp_path / "someone/FREE/model.safetensors"
    assert asked == [True]


@pytest.mark.parametrize("offline", [True, False])
def test_without_weights_the_error_tells_both_ways_to_provide_them(
    offline: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def download(repository: str, name: str, local_files_only: bool = False) -> str:
        raise LocalEntryNotFoundError("not here") from ConnectionError("no route to host")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", download)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", offline)
    monkeypatch.setattr(hub, "_unreachable", lambda _: "")
    with pytest.raises(ModelError) as error:
        locate_weights(FREE)
    message = str(error.value)
    assert "depth_model:=compact" in message
    assert "someone/FREE" in message
    assert str(huggingface_hub.constants.HF_HUB_CACHE) in message
    assert "let this machine reach the hub" in message
    assert "name its file or folder" in message
    assert ("HF_HUB_OFFLINE is set" in message) == offline
    assert ("no route to host" in message) != offline


def test_hub_out_of_reach_is_told_without_retries(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        closed = f"http://127.0.0.1:{server.getsockname()[1]}"
    monkeypatch.setattr(huggingface_hub.constants, "ENDPOINT", closed)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", False)
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "all_proxy", "ALL_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(ModelError, match=f"{closed} is out of reach .*ConnectionRefusedError"):
        locate_weights(FREE)


def test_a_path_without_weights_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"someone/FREE at .*nowhere"):
        locate_weights(FREE, tmp_path / "nowhere")
    with pytest.raises(ModelError, match=r"model\.safetensors"):
        locate_weights(FREE, tmp_path)


def test_a_non_commercial_licence_is_logged(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    save_file({"a": torch.ones(1)}, tmp_path / "model.safetensors")
    with caplog.at_level(logging.INFO):
        locate_weights(FREE, tmp_path)
        assert caplog.messages == []
        locate_weights(RESTRICTED, tmp_path)
    assert caplog.messages == ["weights of someone/RESTRICTED: CC-BY-NC-4.0, not for commercial use"]


def test_pth_files_load_too(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(2)}, tmp_path / "w.pth")
    assert read_tensors(tmp_path / "w.pth")["a"].tolist() == [1, 1]


class _Trap:
    """Whoever unpickles it runs a command."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("raise SystemExit('unpickled')",)


def test_unreadable_files_are_named_and_nothing_is_unpickled(tmp_path: Path) -> None:
    torch.save({"a": torch.ones(100)}, tmp_path / "whole.pth")
    whole = (tmp_path / "whole.pth").read_bytes()
    spoilt = {
        "truncated.pth": whole[: len(whole) // 2],
        "trap.pth": pickle.dumps(_Trap(), protocol=2),
        "empty.pth": b"",
        "page.safetensors": b"<!DOCTYPE html>" * 20,
    }
    for name, content in spoilt.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(ModelError, match=name) as error:
            read_tensors(tmp_path / name)
        assert "weights_only" not in str(error.value)  # torch advises to unpickle what it refuses
    torch.save({"a": 3}, tmp_path / "number.pth")
    with pytest.raises(ModelError, match="expected tensors by name"):
        read_tensors(tmp_path / "number.pth")


class _Shared(nn.Module):
    """One layer under two names, as in the head of Depth Anything 3."""

    def __init__(self) -> None:
        super().__init__()
        self.a = nn.Linear(2, 3)
        self.b = nn.ModuleList([self.a])


def test_a_tensor_with_two_names_is_stored_once_and_fills_both(tmp_path: Path) -> None:
    source, target = _Shared(), _Shared()
    path = tmp_path / "model.safetensors"
    save_model(source, str(path))
    state = read_tensors(path)
    assert len(state) == 2  # of four names
    fill_network(target, state, path)
    assert torch.equal(target.a.weight, source.a.weight)
    assert target.b[0] is target.a
    del state[next(name for name in state if name.endswith("bias"))]
    with pytest.raises(ModelError, match=r"expected a tensor a\.bias"):
        fill_network(target, state, path)
