"""Dataset capture, self-test, exporter and labels, driven by a stand-in for Unity's player loop that casts rays."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest
from mono import Mono

from unity_depth_perception.cli.doctor.command import check_dataset
from unity_depth_perception.core.camera import Camera
from unity_depth_perception.dataset.reader import UnityDataset

COLOURS = ("red", "orange", "yellow", "green", "blue", "purple")
COUNT = 12


@pytest.fixture(scope="module")
def dataset(mono: Mono, component_probe: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of random scenes, captured in two runs and with read-backs that fail."""
    folder = tmp_path_factory.mktemp("dataset") / "scenes"
    first = mono.run(component_probe, "dataset", str(folder), str(COUNT), "5").splitlines()
    assert first[:2] == ["written 5 False", "textures 0"]
    second = mono.run(component_probe, "dataset", str(folder), str(COUNT), "0").splitlines()
    assert second[:2] == [f"written {COUNT} False", "textures 0"]
    assert not any(line.startswith(("error", "warning")) for line in first + second)
    return folder


def test_captured_dataset_passes_doctor(dataset: Path) -> None:
    findings = check_dataset(dataset)
    assert [finding.state for finding in findings if "several objects of each category" not in finding.detail] == ["ok"]


def test_captured_pixels_lie_on_the_boxes_that_were_placed(mono: Mono, core_probe: Path, dataset: Path) -> None:
    scenes: dict[int, list[list[float]]] = {k: [] for k in range(COUNT)}
    for line in mono.run(core_probe, "layouts", "", str(COUNT)).splitlines():
        numbers = [float(word) for word in line.split()]
        if len(numbers) > 7:
            scenes[int(numbers[0])].append(numbers[1:])
    objects = parents = 0
    for k, sample in enumerate(UnityDataset(dataset)):
        assert sample.depth_m is not None
        assert sample.instances is not None
        assert sample.world_from_camera is not None
        boxes = scenes[k]
        found = {}
        for item in sample.objects:
            rows, columns = np.nonzero(sample.instances == item.id + 1)
            points = sample.camera.unproject(np.stack([columns, rows], -1), sample.depth_m[rows, columns])
            world = points @ sample.world_from_camera[:3, :3].T + sample.world_from_camera[:3, 3]
            off = [surface_distance(box, world) for box in boxes]
            found[item.id] = int(np.argmin(off))
            box = boxes[found[item.id]]
            assert min(off) < 2e-4
            assert item.category == f"{COLOURS[int(box[2])]}_{'cube' if box[3] else 'parallelepiped'}"
        for item in sample.objects:
            carrier = int(boxes[found[item.id]][1])
            expected = next((id_ for id_, box in found.items() if box == carrier), None)
            assert item.parent_id == expected
            parents += expected is not None
        objects += len(found)
    assert objects > 2 * COUNT
    assert parents > COUNT / 3


def surface_distance(box: list[float], world: np.ndarray) -> float:
    """How far points (N, 3) in forward, left, up are at most from a box's surface; its line is in Unity's axes."""
    unity = np.stack([-world[:, 1], world[:, 2], world[:, 0]], axis=1)
    yaw = math.radians(box[10])
    turn = np.array([[math.cos(yaw), 0, math.sin(yaw)], [0, 1, 0], [-math.sin(yaw), 0, math.cos(yaw)]])
    outside = np.abs((unity - np.array(box[4:7])) @ turn) - np.array(box[7:10]) / 2
    return float(np.abs(outside.max(axis=1)).max())


def test_camera_of_a_dataset_must_not_change(mono: Mono, component_probe: Path, tmp_path: Path) -> None:
    answer = mono.run(component_probe, "changed-camera", str(tmp_path / "scenes"))
    assert answer.startswith("written 2 False\n")
    assert "error: Camera: the camera's intrinsics have changed since the dataset was begun" in answer


@pytest.mark.parametrize(
    ("mistake", "sentences"),
    [
        ("none", ["Good: Rows, signs, intrinsics, depth and ids"]),
        ("physical", ["Good: Rows, signs, intrinsics, depth and ids"]),
        ("four-channels", ["Good: Rows, signs, intrinsics, depth and ids"]),
        ("both-corrected", ["Good: Rows, signs, intrinsics, depth and ids"]),
        ("color-flipped", ["Problem: The image came back upside down: change Color Rows."] * 2),
        ("depth-flipped", ["Problem: Depth and ids came back upside down: change Depth Rows."] * 2),
        ("no-ids", ["Depth and ids: marker 1 was drawn, but none", "Depth and ids: marker 2 was drawn, but none"]),
        ("read-back", ["The GPU did not give back an image: the GPU did not give back the"]),
        ("orthographic", ["Problem: The camera is orthographic"]),
    ],
)
def test_self_test_tells_what_the_gpu_does(
    mono: Mono, component_probe: Path, mistake: str, sentences: list[str]
) -> None:
    *findings, left_over = mono.run(component_probe, "self-test", mistake).splitlines()
    assert len(findings) == len(sentences)
    for finding, sentence in zip(findings, sentences, strict=True):
        assert sentence in finding
    assert left_over == "left over 0 0 -1 True"  # no label, no texture; culling mask and target as before


def test_exported_intrinsics_are_those_of_the_camera(mono: Mono, component_probe: Path, tmp_path: Path) -> None:
    path = tmp_path / "new" / "camera_intrinsics.json"
    assert mono.run(component_probe, "export", str(path), "plain").startswith("target True 0\n")
    camera = Camera.from_intrinsics_file(path)
    expected = Camera.from_vertical_fov(math.radians(float(np.float32(47.3))), 640, 400)
    np.testing.assert_allclose([camera.fx, camera.fy], [expected.fx, expected.fy], rtol=1e-12)
    assert (camera.cx, camera.cy) == (319.5, 199.5)
    assert json.loads(path.read_text())["fov_vertical"] == pytest.approx(47.3, abs=1e-5)
    mono.run(component_probe, "export", str(path), "physical")
    shifted = Camera.from_intrinsics_file(path)
    fy = 50 / 24 * 400  # overscan: the image is wider than the sensor
    np.testing.assert_allclose([shifted.fx, shifted.fy], [fy, fy], rtol=1e-12)
    np.testing.assert_allclose(shifted.cx, 319.5 - 0.25 * 36 / 50 * fy, rtol=1e-12)
    np.testing.assert_allclose(shifted.cy, 199.5 - 0.125 * 24 / 50 * fy, rtol=1e-12)


def test_orthographic_camera_exports_nothing(mono: Mono, component_probe: Path, tmp_path: Path) -> None:
    path = tmp_path / "camera_intrinsics.json"
    answer = mono.run(component_probe, "export", str(path), "orthographic")
    assert "error: Camera: an orthographic camera has no intrinsics" in answer
    assert not path.exists()


def test_labels_take_the_lowest_free_id_and_find_their_parents(mono: Mono, component_probe: Path) -> None:
    assert mono.run(component_probe, "labels").splitlines() == [
        "entry 1 plank -1",
        "entry 2 given -1",
        "entry 1 plank 3",
        "entry 2 given 3",
        "entry 0 third -1",
        "entry 3 cube -1",
        "ids 3 1 2 0 True",
        "category plank",
    ]


def test_cube_mesh_faces_outwards(mono: Mono, component_probe: Path) -> None:
    assert mono.run(component_probe, "meshes").splitlines() == ["triangles 12 0", "corners 8 True"]
