"""`import unity_depth_perception as udp`: from an image to depth, masks and objects."""

from __future__ import annotations

import inspect
import json
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import unity_depth_perception as udp
from unity_depth_perception.cli.main import app
from unity_depth_perception.core.camera_source import CameraSource
from unity_depth_perception.core.errors import CameraError, ConfigurationError, ImageError, ModelError, PoseError
from unity_depth_perception.dataset.files import write_image
from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.synthetic.samples import render_samples
from unity_depth_perception.synthetic.scene import CUBE_EDGE_M
from unity_depth_perception.web.models import PageModels
from unity_depth_perception.web.uploads import UploadedImage

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def perception() -> udp.Perception:
    return udp.load(device="cpu")


@pytest.fixture(scope="module")
def sample() -> Sample:
    return render_samples([21], 320, 240)[0]


def test_cubes_of_twice_the_edge_double_all_metres(perception: udp.Perception, sample: Sample) -> None:
    twice = udp.load(device="cpu", cube_edge_m=0.14)(sample.image, camera=sample.camera)
    once = perception(sample.image, camera=sample.camera)
    np.testing.assert_allclose(twice.depth_m, 2 * once.depth_m, rtol=1e-5)
    assert [item.range_m for item in twice.objects] == pytest.approx([2 * item.range_m for item in once.objects])


def test_edge_of_cubes_is_that_of_the_scenes_that_compact_was_trained_on() -> None:
    assert inspect.signature(udp.load).parameters["cube_edge_m"].default == CUBE_EDGE_M


@pytest.mark.parametrize(
    ("model", "edge_m", "said"),
    [
        ("floor-plane", 0.1, "expected the depth model compact"),
        ("compact", 0.0, "a cube's edge of 0.005 to 5 m"),
    ],
)
def test_edge_of_cubes_that_cannot_be_used_is_refused(model: str, edge_m: float, said: str) -> None:
    with pytest.raises(ConfigurationError, match=re.escape(said)):
        udp.load(model, device="cpu", cube_edge_m=edge_m)


def test_page_tells_compact_the_edge_for_one_image_alone(sample: Sample) -> None:
    models, cameras = PageModels(["compact"], device="cpu"), CameraSource(camera=sample.camera)
    image = UploadedImage("scene.png", sample.image, (320, 240))
    half, usual = (models.perceive("compact", image, cameras, *edge).depth_m for edge in ([0.035], []))
    np.testing.assert_allclose(half, usual / 2, rtol=1e-5)


def test_path_array_and_tensor_give_the_same_result(perception: udp.Perception, sample: Sample, tmp_path: Path) -> None:
    write_image(tmp_path / "scene.png", sample.image)
    (tmp_path / "camera.json").write_text(json.dumps(sample.camera.to_intrinsics()))
    by_path = perception(tmp_path / "scene.png", intrinsics=tmp_path / "camera.json")
    by_array = perception(sample.image, camera=sample.camera)
    by_tensor = perception(torch.from_numpy(sample.image), camera=sample.camera)
    for other in (by_array, by_tensor):
        np.testing.assert_allclose(other.depth_m, by_path.depth_m, rtol=1e-5)
        assert [item.category for item in other.objects] == [item.category for item in by_path.objects]


def test_result_is_numpy_and_its_parts_agree(perception: udp.Perception, sample: Sample) -> None:
    result = perception(sample.image, camera=sample.camera)
    assert (result.depth_m.shape, result.depth_m.dtype) == ((240, 320), np.float32)
    assert len(result.objects) > 1
    assert result.masks.shape == (len(result.objects), 240, 320)
    for item, mask in zip(result.objects, result.masks, strict=True):
        assert mask.sum() == item.pixel_count
        ys, xs = mask.nonzero()
        assert (xs.min(), ys.min(), xs.max() + 1, ys.max() + 1) == item.bbox
        assert result.depth_m[mask].min() <= item.distance.median <= result.depth_m[mask].max()
    overlay = result.overlay()
    assert (overlay.shape, overlay.dtype) == ((240, 320, 3), np.uint8)
    assert (overlay != sample.image).any()


def test_gravity_reaches_the_models(perception: udp.Perception, sample: Sample) -> None:
    assert sample.world_from_camera is not None
    gravity = -sample.world_from_camera[2, :3]
    known = perception(sample.image, camera=sample.camera, gravity=2 * gravity)
    assert (known.depth_m != perception(sample.image, camera=sample.camera).depth_m).any()
    assert np.nanmedian(abs(known.depth_m / sample.depth_m - 1)) < 0.05
    with pytest.raises(PoseError, match="expected gravity as a direction"):
        perception(sample.image, camera=sample.camera, gravity=[0, 0, 0])


def test_intrinsics_are_rescaled_to_any_image_size(perception: udp.Perception, sample: Sample) -> None:
    half = np.ascontiguousarray(sample.image[::2, ::2])
    assert perception(half, camera=sample.camera).camera == sample.camera.resized(160, 120)
    wide = perception(np.zeros((48, 200, 3), np.uint8), vertical_fov_deg=60)
    assert wide.camera.fx == pytest.approx(48 / 2 / np.tan(np.radians(30)))


def test_save_writes_what_estimate_writes(perception: udp.Perception, sample: Sample, tmp_path: Path) -> None:
    result = perception(sample.image, camera=sample.camera)
    result.save(tmp_path / "out")
    entry = json.loads((tmp_path / "out" / "results.json").read_text())["images"][0]
    assert [item["category"] for item in entry["objects"]] == [item.category for item in result.objects]
    np.testing.assert_array_equal(np.load(tmp_path / "out" / "image_depth.npy"), result.depth_m)
    with pytest.raises(ConfigurationError, match="exists already"):
        result.save(tmp_path / "out")
    result.save(tmp_path / "out", overwrite=True)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((4, 4), np.uint8),
        np.zeros((4, 4, 4), np.uint8),
        np.zeros((4, 4, 3), np.float32),
        torch.zeros(3, 40, 40, dtype=torch.uint8),
    ],
    ids=["grey", "RGBA", "float", "channels first"],
)
def test_other_arrays_are_refused_with_what_was_expected(perception: udp.Perception, image: object) -> None:
    with pytest.raises(ImageError, match=r"\(H, W, 3\) uint8 RGB, got shape"):
        perception(image, vertical_fov_deg=60)  # type: ignore[arg-type]


def test_camera_is_given_exactly_once(perception: udp.Perception, sample: Sample) -> None:
    with pytest.raises(ConfigurationError, match="got none"):
        perception(sample.image)
    with pytest.raises(ConfigurationError, match="got more than one"):
        perception(sample.image, vertical_fov_deg=60, camera=sample.camera)
    with pytest.raises(CameraError, match="proportions"):
        perception(np.zeros((40, 40, 3), np.uint8), camera=sample.camera)


def test_unknown_and_relative_models_are_refused_before_anything_loads() -> None:
    with pytest.raises(ModelError, match="unknown depth model 'nonsense'"):
        udp.load("nonsense")
    with pytest.raises(ModelError, match="got relative depth"):
        udp.load("da3-small")
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        _ = udp.nonsense


def test_repr_is_one_short_line(perception: udp.Perception, sample: Sample) -> None:
    assert repr(perception) == "Perception(depth_model='compact', segmentation_model='compact', device='cpu')"
    text = repr(perception(sample.image, camera=sample.camera))
    assert re.fullmatch(r"ImagePerception\(320 x 240 px: [a-z]+_[a-z]+ \d\.\d{3} m.*\)", text)
    assert "array" not in text


@pytest.mark.slow
def test_example_of_the_readme_runs_as_written(tmp_path: Path) -> None:
    example = re.search(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert example is not None
    assert len(example[1].strip().splitlines()) <= 5
    from typer.testing import CliRunner

    made = CliRunner().invoke(
        app, ["synthesize", str(tmp_path / "scenes"), "--count", "1", "--seed", "7", "--size", "160x120"]
    )
    assert made.exit_code == 0, made.output
    child = subprocess.run(
        [sys.executable, "-c", example[1]], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False,
        env={**__import__("os").environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    assert child.returncode == 0, child.stderr
    assert "_cube" in child.stdout
