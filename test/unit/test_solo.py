"""SOLO folders of com.unity.perception: what was written is read back, and faults are named."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from solo_writer import exr_bytes, link_pipe, write_exr, write_solo
from typer.testing import CliRunner

from unity_depth_perception.cli.main import app
from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import DatasetError
from unity_depth_perception.core.objects import ObjectDistance
from unity_depth_perception.core.pose import matrix_from_pose
from unity_depth_perception.dataset.files import read_depth
from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.dataset.solo.samples import SoloDataset, examine_solo
from unity_depth_perception.dataset.sources import open_source

CAMERA = Camera(64, 48, 55.0, 56.0, 30.5, 24.5)
POSE = matrix_from_pose([0.3, -1.2, 0.9], [0.5, -0.2, 0.1, 0.8])


def sample(k: int) -> Sample:
    rng = np.random.default_rng(k)
    instances = np.zeros((48, 64), np.uint16)
    instances[10:20, 5 + k : 15 + k], instances[25:40, 30:33] = 1, 2
    objects = (ObjectDistance(0, "red_cube", (5 + k, 10, 15 + k, 20)), ObjectDistance(1, "plank", (30, 25, 33, 40)))
    depth_m = rng.uniform(0.5, 3, (48, 64)).astype(np.float32)
    depth_m[0, :5] = np.nan
    image = rng.integers(0, 255, (48, 64, 3), dtype=np.uint8)
    return Sample(f"{k:05d}.png", image, CAMERA, objects, depth_m, instances, POSE)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_solo(tmp_path / "solo", [sample(k) for k in range(12)])


def test_written_captures_are_read_back_in_numerical_order(folder: Path) -> None:
    data = open_source(folder)
    assert isinstance(data, SoloDataset)
    assert data.names == tuple(f"{k:05d}.png" for k in range(12))
    assert data.categories == ("plank", "red_cube")
    for k in (0, 2, 10):
        read, expected = data[k], sample(k)
        assert (read.image == expected.image).all()
        assert (read.instances == expected.instances).all()
        assert [(o.category, o.bbox) for o in read.objects] == [(o.category, o.bbox) for o in expected.objects]
        np.testing.assert_array_equal(read.depth_m, expected.depth_m)
        np.testing.assert_allclose(read.world_from_camera, POSE, atol=1e-12)
        for name in ("fx", "fy", "cx", "cy"):
            assert getattr(read.camera, name) == pytest.approx(getattr(CAMERA, name), abs=1e-9)
    assert examine_solo(folder).problems == ()


def test_doctor_knows_a_solo_folder(folder: Path) -> None:
    result = CliRunner().invoke(app, ["doctor", str(folder)])
    assert result.exit_code == 0, result.output
    assert "12 images, 24 objects" in result.output


def test_exr_written_as_unity_does_has_depth_in_r(tmp_path: Path) -> None:
    depth_m = np.random.default_rng(0).random((5, 7)).astype(np.float32)
    write_exr(tmp_path / "d.exr", depth_m)
    (tmp_path / "z.exr").write_bytes(exr_bytes(depth_m, compression=3))
    for name in ("d.exr", "z.exr"):
        np.testing.assert_array_equal(read_depth(tmp_path / name), depth_m)


def _capture(change: Callable[[dict[str, Any]], object]) -> Callable[[Path], None]:
    def apply(folder: Path) -> None:
        path = folder / "sequence.3" / "step0.frame_data.json"
        data = json.loads(path.read_text())
        change(data["captures"][0])
        path.write_text(json.dumps(data))

    return apply


FRAME = "sequence.3/step0.frame_data.json"
FAULTS: dict[str, tuple[Callable[[Path], object], str]] = {
    "json nested": (
        lambda f: (f / "sequence.3" / "step0.frame_data.json").write_text("[" * 10**5),
        "nested too deeply",
    ),
    "no captures": (lambda f: (f / "sequence.3" / "step0.frame_data.json").write_text("{}"), "a list of captures"),
    "image missing": (lambda f: (f / "sequence.3" / "step0.camera.png").unlink(), "no such file"),
    "image a pipe": (lambda f: link_pipe(f / "sequence.3" / "step0.camera.png"), "device or a pipe"),
    "image outside": (_capture(lambda c: c.update(filename="../../x.png")), "leads out of this folder"),
    "no filename": (_capture(lambda c: c.pop("filename")), "expected the filename"),
    "no matrix": (_capture(lambda c: c.pop("matrix")), "upper 3 x 3 of the projection matrix"),
    "matrix of pixels": (_capture(lambda c: c.update(matrix=[1] * 8)), "upper 3 x 3"),
    "dimension": (_capture(lambda c: c.update(dimension=[64.5, 48])), r"dimension \[width, height\]"),
    "another dimension": (_capture(lambda c: c.update(dimension=[60, 48])), "expected an image"),
    "rotation": (_capture(lambda c: c.update(rotation=[0, 0, 0])), "rotation"),
    "huge position": (_capture(lambda c: c.update(position=[1e400, 0, 0])), "finite numbers"),
    "colour unknown": (
        _capture(lambda c: c["annotations"][0]["instances"].pop()),
        "45 px of the instance segmentation have a colour that no instance has",
    ),
    "box elsewhere": (
        _capture(lambda c: c["annotations"][2]["values"][0].update(origin=[40, 5])),
        "BoundingBox2D of instance 101",
    ),
    "colour a text": (_capture(lambda c: c["annotations"][0]["instances"][0].update(color="red")), "color"),
}


@pytest.mark.parametrize("name", FAULTS)
def test_fault_is_named_with_its_frame(folder: Path, name: str) -> None:
    spoil, message = FAULTS[name]
    spoil(folder)
    with pytest.raises(DatasetError, match=message) as caught:
        raise DatasetError("; ".join(examine_solo(folder).problems))
    assert "sequence.3" in str(caught.value) or "00003.png" in str(caught.value)


def test_folder_without_captures_is_no_solo_folder(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="expected sequence"):
        SoloDataset(tmp_path)
