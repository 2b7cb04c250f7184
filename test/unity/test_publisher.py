"""RosCameraPublisher and what belongs to it, driven by a stand-in for Unity's player loop."""

from __future__ import annotations

from pathlib import Path

import pytest
from mono import Mono


def lines(mono: Mono, program: Path, *arguments: str) -> list[str]:
    return mono.run(program, *arguments, timeout_s=120).splitlines()


def counts(answer: list[str]) -> list[int]:
    """Requested, sent, dropped, failed, in flight."""
    (line,) = (line for line in answer if line.startswith("counts "))
    return [int(word) for word in line.split()[1:]]


@pytest.mark.parametrize(("encoding", "frames"), [("rgb8", "10000"), ("jpeg", "500")])
def test_everything_published_is_of_the_frame_that_its_stamp_says(
    mono: Mono, component_probe: Path, encoding: str, frames: str
) -> None:
    answer = lines(mono, component_probe, "publish", frames, "5", encoding)
    requested, sent, dropped, failed, in_flight = counts(answer)
    assert requested == sent + dropped + failed
    assert in_flight == 0
    assert min(sent, dropped, failed) > 10
    assert f"published {sent} wrong 0" in answer
    assert "overflows 0 textures 0" in answer
    image = "/unity/camera/image_raw" + ("/compressed" if encoding == "jpeg" else "")
    truth = [f"/unity/camera/ground_truth/{name}" for name in ("depth", "instances", "label_info")]
    topics = sorted([image, "/tf", "/unity/camera/camera_info", "/unity/camera/camera_pose", *truth])
    assert [line for line in answer if line.startswith("topic")] == [f"topic {topic}" for topic in topics]
    errors = sorted(line for line in answer if line.startswith("error"))
    assert errors == [f"error: Camera: the GPU did not give back the {what}" for what in ("depth and ids", "image")]


def test_slow_connection_drops_frames_and_tears_none(mono: Mono, component_probe: Path) -> None:
    answer = lines(mono, component_probe, "slow-connection")
    _, sent, dropped, _, in_flight = counts(answer)
    assert sent < 60 < dropped
    assert in_flight == 0
    assert {"torn 0", "overflows 0"} <= set(answer)


def test_change_of_size_takes_effect_and_leaks_nothing(mono: Mono, component_probe: Path) -> None:
    answer = lines(mono, component_probe, "resize")
    assert "size 8x6 True True" in answer
    assert "size 12x4 True True" in answer
    assert "textures 0 pending 0" in answer
    requested, *outcomes = counts(answer)
    assert requested == sum(outcomes)


def test_scene_reload_keeps_the_one_connection(mono: Mono, component_probe: Path) -> None:
    answer = lines(mono, component_probe, "reload")
    assert answer[:5] == ["published True"] * 4 + ["connections 1"]
    assert not any("registered twice" in line for line in answer)


def test_publishing_goes_on_after_broken_connections(mono: Mono, component_probe: Path) -> None:
    answer = lines(mono, component_probe, "reconnect")
    assert answer[:6] == ["published True"] * 6
    assert answer[6].startswith("state Connecting")


def test_two_cameras_share_a_topic(mono: Mono, component_probe: Path) -> None:
    assert lines(mono, component_probe, "two-cameras")[:3] == ["left True", "right True", "tf True"]


def test_wrong_address_gets_a_sentence_within_five_seconds(mono: Mono, component_probe: Path) -> None:
    answer = lines(mono, component_probe, "wrong-address")
    assert float(answer[0].split()[1]) <= 5
    assert counts(answer) == [0] * 5  # nothing is rendered for nobody
    assert any(line.startswith("warning: No answer from 10.0.0.9:10000.") for line in answer)


def test_connection_that_nobody_starts_is_told_once(mono: Mono, component_probe: Path) -> None:
    assert lines(mono, component_probe, "not-started") == [
        "warning: Not connected: tick Connect On Startup in Robotics > ROS Settings, or press Connect.",
        "log: Connected to 127.0.0.1:10000.",
    ]


def test_what_cannot_work_says_why(mono: Mono, component_probe: Path) -> None:
    answer = lines(mono, component_probe, "unsupported")
    for line, sentence in zip(
        answer,
        [
            "expected a graphics API that reads back asynchronously",
            "expected the shader Hidden/UnityDepthPerception/DepthAndId",
            "the camera is orthographic",
            "expected 384 bytes of depth and ids, got 376",
            "failed True",
            "mended True",
            "told 4",  # each once
        ],
        strict=True,
    ):
        assert sentence in line


def test_stale_aspect_is_reset_unless_it_is_kept(mono: Mono, component_probe: Path) -> None:
    answer = lines(mono, component_probe, "aspect")
    assert answer[:3] == ["reset 1", f"kept {round(8 / 6 / 2, 4)}", "target True True"]


def test_render_that_throws_is_a_failed_frame(mono: Mono, component_probe: Path) -> None:
    answer = lines(mono, component_probe, "broken-render")
    requested, sent, dropped, failed, in_flight = counts(answer)
    assert (dropped, in_flight) == (0, 0)
    assert requested == sent + failed
    assert failed >= 5
    assert sent >= 4
    assert "history True True" in answer
    assert not any(line.startswith("error") for line in answer)


def test_true_objects_are_measured_in_true_depth(mono: Mono, component_probe: Path) -> None:
    assert lines(mono, component_probe, "truth")[0] == "object 0 -1 grey_square True truth True True"


def test_clock_is_published_once_and_stamps_may_be_those_of_the_computer(mono: Mono, component_probe: Path) -> None:
    assert lines(mono, component_probe, "clock")[:2] == ["clock True True 2", "unix True"]


def test_overlay_draws_boxes_in_the_letterbox(mono: Mono, component_probe: Path) -> None:
    answer = lines(mono, component_probe, "overlay")
    fresh = [line.removeprefix("fresh ") for line in answer if line.startswith("fresh ")]
    assert fresh[:11] == fresh[12:23]  # also after the scene was loaded anew
    assert fresh[0] == "image at 0 0 32 12"
    assert fresh[1:5] == ["bar at 10 4 8 2", "bar at 10 8 8 2", "bar at 10 4 2 6", "bar at 16 4 2 6"]
    assert fresh[5] == "text #3 red_cube  1.23 m  on #1 at 10 -16 400 20"
    assert fresh[10] == "text #1 blue_cube  ? at 8 -20 400 20"
    assert fresh[11] == "11"
    assert "layout 0" in answer
    assert answer[answer.index("layout 0") + 1 :][:2] == ["stale image at 0 0 32 12", "stale 1"]
