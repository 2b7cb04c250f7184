"""JSON files as other programs write them: encodings, decimal commas, and content that must not crash the reader."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import CameraError, InputError
from unity_depth_perception.core.files.json_file import read_json, read_json_object

GOOD = {"width": 96, "height": 96, "focal_length_x": 80, "focal_length_y": 80}
GOOD |= {"principal_point_x": 48, "principal_point_y": 48}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_every_unicode_encoding_is_read(tmp_path: Path, encoding: str) -> None:
    path = tmp_path / "сцена.json"
    path.write_bytes('{"имя": "куб",\r\n "k": [1, 2.5]}'.encode(encoding))
    assert read_json(path, "a file") == {"имя": "куб", "k": [1, 2.5]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "an empty file"),
        (b"\xef\xbb\xbf  \r\n", "an empty file"),
        (b"[" * 200_000, "nested too deeply"),
        (b'{"a":' * 200_000, "nested too deeply"),
        (b"{", "as JSON"),
        (b'{"k": "\xff\xfe"}', "expected UTF-8, but byte 7"),
        (b'{\n "focal_length_x": 488,855,\n "b": 1}', r"decimal comma \(488,855\).*InvariantCulture"),
        (b"[1]", "expected a JSON object with a file, got list"),
    ],
)
def test_content_that_is_no_json_object_is_one_sentence(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "f.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        read_json_object(path, "a file")


@pytest.mark.parametrize("digits", [310, 5000, 100_000])
def test_number_of_many_digits_becomes_infinity(tmp_path: Path, digits: int) -> None:
    path = tmp_path / "f.json"
    path.write_text('{"n": ' + "1" * digits + ', "m": -' + "1" * digits + "}")
    assert read_json(path, "a file") == {"n": float("inf"), "m": float("-inf")}


def test_pipe_device_folder_and_missing_file_are_told_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, message in (
        (tmp_path / "pipe", "device or pipe"),
        (Path("/dev/zero"), "device or pipe"),
        (tmp_path, "got a folder"),
        (tmp_path / "no.json", "no such file"),
        (tmp_path / "a\0b", "expected the name of a file"),
    ):
        with pytest.raises(InputError, match=message):
            read_json(path, "a file")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"width": 10**400}, "finite number for width, got inf"),
        ({"width": 10**200}, "whole number of pixels, got width 1"),
        ({"focal_length_x": "x" * 10_000}, "finite number for focal_length_x, got 'x"),
        (dict(zip(list(GOOD)[2:], (1.5277, 2.03, 0.5, 0.5), strict=True)), "in pixels, got normalised ones"),
        ({"pixel_origin": ["x"] * 1000}, "expected pixel_origin"),
    ],
)
def test_impossible_camera_is_told_in_a_short_message(tmp_path: Path, values: dict[str, object], message: str) -> None:
    path = tmp_path / "camera.json"
    path.write_text(json.dumps({**GOOD, **values}).replace(str(10**400), "1" + 400 * "0"))
    with pytest.raises(CameraError, match=message) as caught:
        Camera.from_intrinsics_file(path)
    assert len(str(caught.value)) < 500
