"""The sentences: what is wrong with a camera, with the connection, with what the GPU gives back."""

from __future__ import annotations

from pathlib import Path

import pytest
from mono import Mono

SOUND = {
    "aspect": 4 / 3,
    "orthographic": 0,
    "full_rect": 1,
    "physical": 0,
    "gate_fit": 0,
    "shader": 1,
    "readback": 1,
    "floats": 1,
    "background": 1,
    "labels": 3,
    "truth": 1,
}


def advice(mono: Mono, program: Path, **changes: float) -> str:
    facts = SOUND | changes
    assert facts.keys() == SOUND.keys()
    return mono.run(program, "advice", text=" ".join(repr(float(value)) for value in facts.values()))


def test_sound_camera_gets_no_sentence(mono: Mono, core_probe: Path) -> None:
    assert advice(mono, core_probe) == "0\n"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"aspect": 1.7778}, "Camera.aspect is 1.7778, but the image is 640 x 480 px (1.3333)"),
        ({"orthographic": 1}, "The camera is orthographic"),
        ({"full_rect": 0}, "set Viewport Rect to 0, 0, 1, 1"),
        ({"physical": 1, "gate_fit": 0, "aspect": 1.5}, "Gate Fit is None"),
        ({"shader": 0}, "DepthAndId is missing"),
        ({"readback": 0}, "supportsAsyncGPUReadback is false"),
        ({"floats": 0}, "no float render targets"),
        ({"background": 0}, "runInBackground is off"),
        ({"labels": 0}, "no object has an ObjectLabel"),
    ],
)
def test_each_fault_has_one_sentence(mono: Mono, core_probe: Path, changes: dict[str, float], sentence: str) -> None:
    count, finding = advice(mono, core_probe, **changes).splitlines()
    assert count == "1"
    assert sentence in finding


@pytest.mark.parametrize(
    ("mistake", "sentences"),
    [
        ("none", ["Good: Rows, signs, intrinsics, depth and ids of this camera agree"]),
        ("color-rows", ["The image came back upside down: change Color Rows"] * 2),
        ("depth-rows", ["Depth and ids came back upside down: change Depth Rows"] * 2),
        ("mirrored", ["The image came back mirrored", "Depth and ids came back mirrored"] * 2),
        ("half-pixel", ["Depth and ids: marker 1 was expected at pixel", "Depth and ids: marker 2 was expected"]),
        ("range", ["Depth of marker 1: expected", "Depth of marker 2: expected"]),
        ("nothing", ["Depth and ids: marker 1 was drawn, but", "Depth and ids: marker 2 was drawn, but"]),
    ],
)
def test_self_test_names_each_mistake(mono: Mono, core_probe: Path, mistake: str, sentences: list[str]) -> None:
    found = mono.run(core_probe, "self-test", "ru-RU", mistake).splitlines()
    assert len(found) == len(sentences)
    for line, sentence in zip(found, sentences, strict=True):
        assert sentence in line
    assert ("which is its range" in found[0]) == (mistake == "range")


def test_self_test_sees_a_stretched_image(mono: Mono, core_probe: Path) -> None:
    found = mono.run(core_probe, "self-test", "", "stretched").splitlines()
    assert len(found) == 4
    assert all("the intrinsics are not those that the image was rendered with" in line for line in found)


def test_wrong_address_gets_a_sentence_within_five_seconds(mono: Mono, core_probe: Path) -> None:
    steps = [(0, 0, 0, 0), (1, 1, 0, 0), (1.1, 1, 1, 0), (4.9, 1, 1, 0), (5.1, 1, 1, 0), (6, 1, 0, 1), (8, 1, 1, 1)]
    steps += [(11.9, 1, 1, 1), (12.1, 1, 1, 1), (13, 0, 1, 1)]
    text = "\n".join(" ".join(map(str, step)) for step in steps)
    found = mono.run(core_probe, "watch", text=text).splitlines()
    assert [line[2:].split(" ")[0] for line in found] == (
        ["Not", "Connecting", "Connecting", "Connecting", "No", "Connected", "Connecting", "Connecting", "No", "Not"]
    )
    assert [line[0] == "*" for line in found] == [False, True, False, False, True, True, True, False, True, True]
    assert "No answer from 10.0.0.9:10000. Is the endpoint running there" in found[4]


def test_letterbox_centres_the_image(mono: Mono, core_probe: Path) -> None:
    text = "640 480 1920 1080\n640 480 600 900\n100 100 100 100"
    found = mono.run(core_probe, "letterbox", text=text).splitlines()
    assert found == ["240 0 1680 1080", "0 225 600 675", "0 0 100 100"]
