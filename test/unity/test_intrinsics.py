"""Intrinsics in C# against Python, and against a frustum that is built on the sensor without any formula of either."""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest
from mono import Mono
from numpy.typing import NDArray

from unity_depth_perception.core.camera import Camera

NONE, VERTICAL, HORIZONTAL, FILL, OVERSCAN = range(5)
COUNT = 1000


def asked(mono: Mono, program: Path, command: str, rows: Iterable[Sequence[float]]) -> NDArray[np.float64]:
    """The numbers that a command of the probe answers with, a row for each row."""
    text = "\n".join(" ".join(repr(float(x)) for x in row) for row in rows)
    answer = mono.run(program, command, text=text)
    return np.array([[float(word) for word in line.split()] for line in answer.splitlines()])


def random_cameras(fit: int) -> list[list[float]]:
    """Focal length, sensor size [mm], lens shift, gate fit, width, height."""
    rng = np.random.default_rng(fit)
    columns = [
        np.exp(rng.uniform(math.log(4), math.log(300), COUNT)),
        rng.uniform(3, 70, COUNT),
        rng.uniform(3, 50, COUNT),
        rng.uniform(-0.6, 0.6, COUNT),
        rng.uniform(-0.6, 0.6, COUNT),
        np.full(COUNT, fit),
        rng.integers(1, 4000, COUNT),
        rng.integers(1, 3000, COUNT),
    ]
    return np.stack(columns, axis=1).tolist()


def frustum(camera: Sequence[float]) -> NDArray[np.float64]:
    """Left, right, bottom, top on the sensor [mm] of what the image shows: the fitted gate, moved by the shift."""
    _, sensor_w, sensor_h, shift_x, shift_y, fit, width, height = camera
    aspect = width / height
    by_height, by_width = (sensor_h * aspect, sensor_h), (sensor_w, sensor_w / aspect)
    inside, outside = (by_width, by_height) if aspect > sensor_w / sensor_h else (by_height, by_width)
    gate = {NONE: (sensor_w, sensor_h), VERTICAL: by_height, HORIZONTAL: by_width, FILL: inside, OVERSCAN: outside}
    gate_w, gate_h = gate[int(fit)]
    x, y = shift_x * sensor_w, shift_y * sensor_h
    return np.array([x - gate_w / 2, x + gate_w / 2, y - gate_h / 2, y + gate_h / 2])


def projection_matrix(camera: Sequence[float]) -> NDArray[np.float64]:
    """OpenGL's matrix of that frustum (glFrustum), as Unity's Camera.projectionMatrix is one."""
    near, far = 0.3, 1000.0
    left, right, bottom, top = frustum(camera) * near / camera[0]
    return np.array(
        [
            [2 * near / (right - left), 0, (right + left) / (right - left), 0],
            [0, 2 * near / (top - bottom), (top + bottom) / (top - bottom), 0],
            [0, 0, -(far + near) / (far - near), -2 * far * near / (far - near)],
            [0, 0, -1, 0],
        ]
    )


@pytest.mark.parametrize("fit", [NONE, VERTICAL, HORIZONTAL, FILL, OVERSCAN])
def test_closed_form_equals_projection_of_the_sensor(mono: Mono, core_probe: Path, fit: int) -> None:
    cameras = random_cameras(fit)
    found = asked(mono, core_probe, "physical", cameras)
    for camera, (fx, fy, cx, cy, _) in zip(cameras, found, strict=True):
        width, height = int(camera[6]), int(camera[7])
        expected = Camera.from_projection_matrix(projection_matrix(camera), width, height)
        np.testing.assert_allclose(
            [fx, fy, cx, cy], [expected.fx, expected.fy, expected.cx, expected.cy], rtol=1e-11, atol=1e-9
        )


@pytest.mark.parametrize("fit", [NONE, VERTICAL, HORIZONTAL, FILL, OVERSCAN])
def test_float32_projection_matrix_is_exact_to_a_thousandth_of_a_pixel(mono: Mono, core_probe: Path, fit: int) -> None:
    cameras = [c for c in random_cameras(fit) if c[6] > 8 and c[7] > 8 and c[0] < 60]
    elements = [projection_matrix(camera).astype(np.float32) for camera in cameras]
    rows = [[m[0, 0], m[0, 2], m[1, 1], m[1, 2], *c[6:]] for m, c in zip(elements, cameras, strict=True)]
    found = asked(mono, core_probe, "projection", rows)
    closed = asked(mono, core_probe, "physical", cameras)
    assert np.abs(found[:, 2:4] - closed[:, 2:4]).max() < 1e-3
    assert (np.abs(found[:, :2] / closed[:, :2] - 1)).max() < 2e-7  # float32 holds 24 bits


def test_point_projected_by_the_matrix_lands_on_the_pixel_of_python_camera() -> None:
    rng = np.random.default_rng(5)
    for camera in random_cameras(FILL)[:200]:
        width, height = int(camera[6]), int(camera[7])
        matrix = projection_matrix(camera)
        fov_x, fov_y = 1 / matrix[0, 0], 1 / matrix[1, 1]
        depth = rng.uniform(0.5, 50)
        x, y = rng.uniform(-1, 1) * fov_x * depth, rng.uniform(-1, 1) * fov_y * depth
        clip = matrix.astype(np.float32).astype(np.float64) @ [x, y, -depth, 1]  # view space: y up, looks down -z
        ndc = clip[:2] / clip[3]
        pixel = [(ndc[0] + 1) * width / 2 - 0.5, (1 - ndc[1]) * height / 2 - 0.5]
        own = Camera.from_projection_matrix(matrix, width, height).project([x, -y, depth])
        np.testing.assert_allclose(own, pixel, atol=1e-3)


def test_vertical_field_of_view_equals_python_camera(mono: Mono, core_probe: Path) -> None:
    rng = np.random.default_rng(1)
    rows = [[rng.uniform(1, 179), int(rng.integers(1, 4000)), int(rng.integers(1, 4000)), 0.0] for _ in range(COUNT)]
    found = asked(mono, core_probe, "vertical-fov", rows)
    for (fov, width, height, _), k in zip(rows, found, strict=True):
        camera = Camera.from_vertical_fov(math.radians(fov), int(width), int(height))
        np.testing.assert_allclose(k[:4], [camera.fx, camera.fy, camera.cx, camera.cy], rtol=1e-12, atol=1e-9)
        assert k[4] == pytest.approx(fov, abs=1e-9)


def test_stale_aspect_stretches_the_columns_alone(mono: Mono, core_probe: Path) -> None:
    ((fx, fy, *_),) = asked(mono, core_probe, "vertical-fov", [[60, 640, 480, 16 / 9]])
    assert fy == pytest.approx(240 / math.tan(math.radians(30)))
    assert fx == pytest.approx(fy * (4 / 3) / (16 / 9))


def test_the_check_value_of_the_contract(mono: Mono, core_probe: Path) -> None:
    ((fx, fy, cx, cy, _),) = asked(mono, core_probe, "vertical-fov", [[60, 1024, 1024, 0]])
    assert (fx, fy, cx, cy) == (pytest.approx(886.81, abs=0.005), pytest.approx(886.81, abs=0.005), 511.5, 511.5)


@pytest.mark.parametrize("culture", ["ru-RU", "de-DE", "tr-TR", "fa-IR"])
def test_intrinsics_file_reads_back_exactly_in_any_culture(
    mono: Mono, core_probe: Path, tmp_path: Path, culture: str
) -> None:
    camera = Camera(641, 479, 512.123456789, 511.1, 320.05, 239.4999)
    path = tmp_path / "camera_intrinsics.json"
    row = f"{camera.width} {camera.height} {camera.fx!r} {camera.fy!r} {camera.cx!r} {camera.cy!r}"
    mono.run(core_probe, "intrinsics-file", culture, str(path), text=row)
    assert not path.read_bytes().startswith(b"\xef\xbb\xbf")
    read = Camera.from_intrinsics_file(path)
    assert (read.fx, read.fy) == (camera.fx, camera.fy)
    assert (read.cx, read.cy) == (pytest.approx(camera.cx, abs=1e-12), pytest.approx(camera.cy, abs=1e-12))
    assert json.loads(path.read_text(encoding="utf-8")).keys() == camera.to_intrinsics().keys()


def test_intrinsics_refuse_a_camera_without_focal_length(mono: Mono, core_probe: Path) -> None:
    with pytest.raises(pytest.fail.Exception, match="expected a vertical field of view between 0 and 180"):
        mono.run(core_probe, "vertical-fov", text="180 640 480 0")
    with pytest.raises(pytest.fail.Exception, match="expected finite focal lengths > 0 px"):
        mono.run(core_probe, "projection", text="0 0 1 0 640 480")
