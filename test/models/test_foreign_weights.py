"""Weights as people have them: caches, shards, checkpoints of trainings, and files that are none."""

from __future__ import annotations

import argparse
import json
import zipfile
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from terminal import unity_depth

from unity_depth_perception.core.errors import ModelError
from unity_depth_perception.models.checkpoints.file_content import is_torch_file, require_weights_content
from unity_depth_perception.models.checkpoints.hub import Published, locate_weights, read_tensors
from unity_depth_perception.models.mask_rcnn.segmenter import torchvision_mask_rcnn
from unity_depth_perception.training.segmentation.initial_weights import load_matching, require_segmentation_weights

PUBLISHED = Published("someone/NET-hf")
TENSORS = {"a.weight": torch.arange(6.0).reshape(2, 3), "b.bias": torch.ones(2)}


def cache(root: Path) -> Path:
    """A hub's cache with the model's folder and two snapshots, of which `main` is the one with the weights."""
    model = root / "models--someone--NET-hf"
    (model / "snapshots" / "0old").mkdir(parents=True)
    save_file({"x": torch.zeros(1)}, model / "snapshots" / "0old" / "model.safetensors")
    (model / "snapshots" / "1new").mkdir()
    (model / "blobs").mkdir()
    save_file(TENSORS, model / "blobs" / "abc")
    (model / "snapshots" / "1new" / "model.safetensors").symlink_to("../../blobs/abc")
    (model / "refs").mkdir()
    (model / "refs" / "main").write_text("1new")
    return model


@pytest.mark.parametrize("level", ["models--someone--NET-hf", "models--someone--NET-hf/snapshots/1new", ".", "hub/.."])
def test_every_level_of_a_cache_leads_to_the_weights(tmp_path: Path, level: str) -> None:
    cache(tmp_path / "hub" if level == "hub/.." else tmp_path)
    assert read_tensors(locate_weights(PUBLISHED, tmp_path / level)).keys() == TENSORS.keys()


def test_shards_are_read_together_and_a_missing_one_is_named(tmp_path: Path) -> None:
    names = dict(zip(TENSORS, ("m-00001-of-00002.safetensors", "m-00002-of-00002.safetensors"), strict=True))
    for tensor, file in names.items():
        save_file({tensor: TENSORS[tensor]}, tmp_path / file)
    index = tmp_path / "model.safetensors.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": names}))
    path = locate_weights(PUBLISHED, tmp_path)
    assert path == index
    assert all(torch.equal(read_tensors(path)[name], value) for name, value in TENSORS.items())
    (tmp_path / "m-00002-of-00002.safetensors").unlink()
    with pytest.raises(ModelError, match=r"in 2 files, but 'm-00002-of-00002\.safetensors' is not beside it"):
        read_tensors(path)
    index.write_text(json.dumps({"weight_map": {"a": "../x.safetensors"}}))
    with pytest.raises(ModelError, match="not beside it"):
        read_tensors(path)


def test_only_file_of_a_folder_is_taken_whatever_its_name_and_several_are_refused(tmp_path: Path) -> None:
    torch.save(TENSORS, tmp_path / "latest.pth")
    assert locate_weights(PUBLISHED, tmp_path) == tmp_path / "latest.pth"
    torch.save(TENSORS, tmp_path / "best.pth")
    with pytest.raises(ModelError, match=r"got best\.pth, latest\.pth; name the file"):
        locate_weights(PUBLISHED, tmp_path)


@pytest.mark.parametrize("key", ["model", "state_dict", "model_state_dict"])
@pytest.mark.parametrize("prefix", ["", "module."])
def test_model_of_a_training_checkpoint_is_taken(tmp_path: Path, key: str, prefix: str) -> None:
    state = {f"{prefix}{name}": value for name, value in TENSORS.items()}
    rest = {"optimizer": {"state": {0: {"step": 3}}}, "epoch": 7, "previous_best": {"d1": 0.5}}
    rest["args"] = argparse.Namespace(lr=0.1, data_path="x")
    torch.save({key: state, **rest}, tmp_path / "w.pth")
    assert all(torch.equal(read_tensors(tmp_path / "w.pth")[name], value) for name, value in TENSORS.items())


def test_content_counts_and_not_the_name(tmp_path: Path) -> None:
    torch.save(TENSORS, tmp_path / "w.safetensors")
    save_file(TENSORS, tmp_path / "w.pth")
    for name in ("w.safetensors", "w.pth"):
        assert read_tensors(tmp_path / name).keys() == TENSORS.keys()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 99\n", "a git-lfs pointer"),
        (b"\n<!DOCTYPE html>\n<html>" + b"x" * 500, "an HTML page"),
        (b"", "an empty file"),
        (b'{"error": "not found"}', "a JSON file"),
        (b"\x89HDF\r\n\x1a\n" + bytes(99), "an HDF5 file"),
        (b"\xff" * 99, "cannot be read"),
    ],
)
@pytest.mark.parametrize("name", ["w.safetensors", "w.pth"])
def test_file_that_holds_no_weights_is_called_by_its_name(
    tmp_path: Path, content: bytes, message: str, name: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=message):
        read_tensors(tmp_path / name)
    if name.endswith(".safetensors"):
        output = tmp_path.parent / "out"
        result = unity_depth("evaluate", tmp_path, "--output", output, "--segmentation-model", tmp_path / name)
        assert result.returncode == 2
        assert "Traceback" not in result.stderr


@pytest.mark.parametrize("beginning", [b" {", b" <", b"\x80{"], ids=["JSON", "HTML", "pickle"])
def test_size_of_the_header_may_look_like_the_beginning_of_another_file(tmp_path: Path, beginning: bytes) -> None:
    """A header of 31 520 bytes makes the file begin with a space and a brace."""
    path = tmp_path / "model.safetensors"
    size = int.from_bytes(beginning, "little")
    for filling in range(size):
        save_file({"w": torch.ones(2)}, path, {"note": "x" * (size - 200 + filling)})
        if path.read_bytes().startswith(beginning):
            break
    assert path.read_bytes()[:9] == size.to_bytes(8, "little") + b"{"
    require_weights_content(path)
    assert not is_torch_file(path)
    path.write_text('{"mode":{"w": 1}}')  # its ninth byte is a brace too
    with pytest.raises(ModelError, match="a JSON file"):
        require_weights_content(path)


def test_compressed_archive_is_refused(tmp_path: Path) -> None:
    torch.save({"a": torch.zeros(10_000)}, tmp_path / "w.pth")
    with zipfile.ZipFile(tmp_path / "w.pth") as given, zipfile.ZipFile(tmp_path / "z.pth", "w", 8) as packed:
        for name in given.namelist():
            packed.writestr(name, given.read(name))
    with pytest.raises(ModelError, match="compressed"):
        read_tensors(tmp_path / "z.pth")


def test_checkpoint_of_torchvision_starts_a_training_and_is_refused_as_a_model(tmp_path: Path) -> None:
    torch.manual_seed(0)
    given = torchvision_mask_rcnn("mobilenet_v3_large", 5)
    checkpoint = {"model": given.state_dict(), "optimizer": {}, "epoch": 3, "args": argparse.Namespace(lr=0.02)}
    path = tmp_path / "model_25.pth"
    torch.save(checkpoint, path)
    network = torchvision_mask_rcnn("mobilenet_v3_large", 2)
    load_matching(network, "detector", require_segmentation_weights(path), ("cup", "plate"))
    assert torch.equal(network.state_dict()["backbone.body.0.0.weight"], given.state_dict()["backbone.body.0.0.weight"])
    result = unity_depth("evaluate", tmp_path, "--output", tmp_path.parent / "out", "--segmentation-model", path)
    assert result.returncode == 2
