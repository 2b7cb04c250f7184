"""Hostile uploads on the page: each picture and each JSON file gets one sentence, without folders of the machine."""

from __future__ import annotations

import io
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from unity_depth_perception.core.errors import PerceptionError
from unity_depth_perception.dataset.files import write_image
from unity_depth_perception.web.actions import CameraSettings, PageActions
from unity_depth_perception.web.examples import PageDatasets
from unity_depth_perception.web.models import PageModels
from unity_depth_perception.web.reconstruction import UPLOAD, ReconstructionActions, ViewSettings
from unity_depth_perception.web.session import Sessions
from unity_depth_perception.web.uploads import sentence

CAMERA = {"width": 96, "height": 96, "focal_length_x": 80, "focal_length_y": 80}
CAMERA |= {"principal_point_x": 48, "principal_point_y": 48}
UPRIGHT = [0, 0, 0, 1]


def png_of_size(width: int, height: int) -> bytes:
    """A PNG whose header promises far more pixels than it holds."""
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)), (b"IDAT", zlib.compress(b"")))
    body = b"".join(struct.pack(">I", len(d)) + n + d + struct.pack(">I", zlib.crc32(n + d)) for n, d in chunks)
    return b"\x89PNG\r\n\x1a\n" + body


def animated_png() -> bytes:
    frames = [Image.fromarray(np.full((8, 8, 3), grey, np.uint8)) for grey in (0, 90)]
    file = io.BytesIO()
    frames[0].save(file, "PNG", save_all=True, append_images=frames[1:])
    return file.getvalue()


PICTURES = {
    "pixel bomb": png_of_size(40000, 40000),
    "animation": animated_png(),
    "cut": animated_png()[:60],
    "script": b"#!/bin/sh\nrm -rf /\n",
    "page": b"<!doctype html><script>alert(1)</script>",
    "large file pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n",
    "archive": b"PK\x03\x04" + bytes(60),
}
CAMERAS: dict[str, Any] = {
    "nested": "[" * 200_000,
    "many digits": "1" * 5000,
    "number without end": json.dumps(CAMERA | {"width": 10**400}),
    "not a number": json.dumps(CAMERA | {"focal_length_x": float("nan")}),
    "other image": json.dumps(CAMERA | {"width": 64}),
    "page": "<!doctype html>",
    "zero bytes": "\0\0",
}
POSES: dict[str, Any] = {
    "nested": '{"0.png":' + "[" * 200_000,
    "number without end": json.dumps({"0.png": {"position": [10**400, 0, 0], "orientation": UPRIGHT}}),
    "position as object": json.dumps({"0.png": {"position": {"x": 1}, "orientation": UPRIGHT}}),
    "words": json.dumps({"0.png": {"position": ["a", "b", "c"], "orientation": UPRIGHT}}),
    "ragged": json.dumps({"0.png": {"position": [[1], 2, 3], "orientation": UPRIGHT}}),
    "no turn": json.dumps({"0.png": {"position": [0, 0, 0], "orientation": [0, 0, 0, 0]}}),
    "other images": json.dumps({"9.png": {"position": [0, 0, 0], "orientation": UPRIGHT}}),
    "list": "[]",
}


@pytest.fixture(scope="module")
def models() -> PageModels:
    return PageModels(["floor-plane"])


@pytest.fixture
def images(models: PageModels, tmp_path: Path) -> PageActions:
    return PageActions(models, Sessions(tmp_path), [])


@pytest.fixture
def views(models: PageModels, tmp_path: Path) -> ReconstructionActions:
    return ReconstructionActions(models, Sessions(tmp_path), PageDatasets())


def written(folder: Path, name: str, content: bytes | str) -> Path:
    path = folder / "0123456789" / name  # as Gradio keeps uploads: in a folder named by their content
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def picture(folder: Path, name: str = "0.png") -> Path:
    path = written(folder, name, b"")
    write_image(path, np.full((96, 96, 3), 90, np.uint8))
    return path


def assert_is_a_sentence(error: PerceptionError, folder: Path) -> None:
    text = sentence(error, folder)
    assert "expected" in text
    assert str(folder) not in text
    assert "0123456789" not in text
    assert len(text) < 1000


@pytest.mark.parametrize("content", PICTURES.values(), ids=PICTURES)
def test_picture_is_refused(images: PageActions, views: ReconstructionActions, tmp_path: Path, content: bytes) -> None:
    bad = written(tmp_path, "bad.png", content)
    images.choose_upload("ann", bad)
    with pytest.raises(PerceptionError) as of_one:
        list(images.perceive("ann", "floor-plane", CameraSettings(60)))
    views.choose_uploads("ann", [picture(tmp_path), bad])
    with pytest.raises(PerceptionError) as of_several:
        views.reconstruct("ann", ViewSettings(UPLOAD, "floor-plane", vertical_fov_deg=60))
    for caught in (of_one, of_several):
        assert_is_a_sentence(caught.value, tmp_path)


@pytest.mark.parametrize("text", CAMERAS.values(), ids=CAMERAS)
def test_camera_file_is_refused(images: PageActions, tmp_path: Path, text: str) -> None:
    images.choose_upload("ann", picture(tmp_path))
    camera = written(tmp_path, "camera.json", text)
    with pytest.raises(PerceptionError) as caught:
        list(images.perceive("ann", "floor-plane", CameraSettings(60, camera)))
    assert_is_a_sentence(caught.value, tmp_path)


@pytest.mark.parametrize("text", POSES.values(), ids=POSES)
def test_file_of_poses_is_refused(views: ReconstructionActions, tmp_path: Path, text: str) -> None:
    views.choose_uploads("ann", [picture(tmp_path), picture(tmp_path, "1.png")])
    poses = written(tmp_path, "poses.json", text)
    with pytest.raises(PerceptionError) as caught:
        views.reconstruct("ann", ViewSettings(UPLOAD, "floor-plane", vertical_fov_deg=60, poses=poses))
    assert_is_a_sentence(caught.value, tmp_path)
