"""`unity-depth estimate`: what it writes, and what it says about images and cameras that cannot be used."""

import json
import math
import re
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from plyfile import PlyData
from terminal import unity_depth
from torch import Tensor

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.files.output_folder import MARKER
from unity_depth_perception.dataset.annotations import Annotations
from unity_depth_perception.dataset.files import read_depth, read_image
from unity_depth_perception.models import registry
from unity_depth_perception.models.protocols import DepthPrediction, Segmentation
from unity_depth_perception.models.runtime.options import DepthOptions

CAMERA = Camera(80, 60, 100.0, 100.0, 30.5, 29.0)
FILES = ("a.ply", "a_depth.npy", "a_depth.png", "a_depth_colour.png", "a_overlay.png", "results.json")


class Ramp:
    """1 m at the left edge, growing with the column; a hole, sky, and a point beyond 16-bit millimetres."""

    proposer = None

    name = "ramp"
    device = torch.device("cpu")
    is_metric = True
    options: DepthOptions

    def __init__(self, options: DepthOptions) -> None:
        Ramp.options = options

    def infer(self, image: Tensor, camera: Camera, gravity: Any = None, proposals: Any = None) -> DepthPrediction:
        height, width = image.shape[:2]
        depth_m = torch.linspace(1, 2, width).expand(height, width).clone()
        depth_m[0, :3] = torch.tensor([math.nan, math.inf, 70.0])
        return DepthPrediction(depth_m, is_metric=self.is_metric)


class Square:
    """One object in the middle ninth of the image."""

    proposer = None

    name = "square"
    device = torch.device("cpu")
    categories = ("red_cube",)

    def infer(self, image: Tensor, camera: Camera, gravity: Any = None, proposals: Any = None) -> Segmentation:
        height, width = image.shape[:2]
        instances = torch.zeros(height, width, dtype=torch.uint8)
        instances[height // 3 : 2 * height // 3, width // 3 : 2 * width // 3] = 1
        return Segmentation(instances, ("red_cube",), (0.9,))


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the image a.png and its intrinsics; the models are the two above."""
    monkeypatch.setattr(registry, "create_depth_estimator", lambda name, device, weights, options: Ramp(options))
    monkeypatch.setattr(registry, "create_segmenter", lambda name, device: Square())
    monkeypatch.chdir(tmp_path)
    write_image(Path("a.png"), 80, 60)
    Path("camera.json").write_text(json.dumps(CAMERA.to_intrinsics()))
    return tmp_path


def results_in(folder: Path) -> list[str]:
    """Names in a folder of results, without the marker."""
    return sorted(path.name for path in folder.iterdir() if path.name != MARKER)


def write_image(path: Path, width: int, height: int) -> None:
    path.parent.mkdir(exist_ok=True)
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    assert cv2.imwrite(str(path), pixels)


def test_an_image_becomes_depth_objects_pictures_and_a_cloud(folder: Path) -> None:
    result = unity_depth("estimate", "a.png", "--intrinsics", "camera.json", "--output", "out")
    assert result.returncode == 0, result.stderr
    assert results_in(Path("out")) == sorted(FILES)
    depth_m = np.load("out/a_depth.npy")
    assert depth_m.dtype == np.float32
    assert depth_m.shape == (60, 80)
    assert np.isnan(depth_m[0, 0])
    assert np.isposinf(depth_m[0, 1])
    assert depth_m[0, 2] == 70
    millimetres = cv2.imread("out/a_depth.png", cv2.IMREAD_UNCHANGED)
    assert millimetres.dtype == np.uint16
    assert millimetres[0, :3].tolist() == [0, 0, 0]
    np.testing.assert_allclose(read_depth(Path("out/a_depth.png"))[1:], depth_m[1:], atol=0.5001e-3)
    assert read_image(Path("out/a_overlay.png")).shape == (60, 80, 3)
    assert read_image(Path("out/a_depth_colour.png")).shape[0] == 60


def test_depth_beyond_the_16_bit_picture_is_told(folder: Path) -> None:
    result = unity_depth("estimate", "a.png", "--intrinsics", "camera.json", "--output", "out")
    assert "1 px are too far for the 16-bit png" in result.stdout
    assert json.loads(Path("out/results.json").read_text())["images"][0]["beyond_png_px"] == 1


def test_the_results_are_annotations_with_the_models_and_the_camera(folder: Path) -> None:
    unity_depth("estimate", "a.png", "--intrinsics", "camera.json", "--output", "out")
    (annotation,) = Annotations.read(Path("out/results.json")).images
    (item,) = annotation.objects
    assert (annotation.image, item.category, item.bbox) == ("a.png", "red_cube", (26, 20, 53, 40))
    assert item.distance.median == pytest.approx(1 + 39 / 79)
    # The square's median pixel (39, 29) seen by the off-centre camera, at the median depth.
    assert item.position_m == pytest.approx(((39 - 30.5) / 100 * item.distance.median, 0, item.distance.median))
    data = json.loads(Path("out/results.json").read_text())
    assert (data["depth_model"], data["segmentation_model"]) == ("ramp", "square")
    assert Camera.from_intrinsics(data["images"][0]["camera_intrinsics"]) == CAMERA
    assert data["images"][0]["valid_ratio"] == pytest.approx(1 - 2 / 4800)


def test_the_cloud_projects_onto_the_pixels_that_it_came_from(folder: Path) -> None:
    unity_depth("estimate", "a.png", "--intrinsics", "camera.json", "--output", "out")
    vertex = PlyData.read("out/a.ply")["vertex"].data
    assert len(vertex) == 80 * 60 - 2  # without the hole and the sky
    pixels = CAMERA.project(np.stack([vertex["x"], vertex["y"], vertex["z"]], axis=-1))
    columns, rows = pixels.round().astype(int).T
    assert np.abs(pixels - pixels.round()).max() < 1e-3
    colours = read_image(Path("a.png"))[rows, columns]
    assert (np.stack([vertex["red"], vertex["green"], vertex["blue"]], axis=-1) == colours).all()


def test_intrinsics_of_another_resolution_are_rescaled(folder: Path) -> None:
    write_image(Path("half.png"), 40, 30)
    result = unity_depth("estimate", "half.png", "a.png", "--intrinsics", "camera.json", "--output", "out")
    assert result.returncode == 0, result.stderr
    half, full = json.loads(Path("out/results.json").read_text())["images"]
    assert Camera.from_intrinsics(half["camera_intrinsics"]) == CAMERA.resized(40, 30)
    assert Camera.from_intrinsics(full["camera_intrinsics"]) == CAMERA


def test_a_field_of_view_fits_every_size(folder: Path) -> None:
    write_image(Path("tall.jpg"), 30, 90)
    result = unity_depth("estimate", "a.png", "tall.jpg", "--vertical-fov", "60", "--output", "out")
    assert result.returncode == 0, result.stderr
    for entry, height in zip(json.loads(Path("out/results.json").read_text())["images"], (60, 90), strict=True):
        expected = height / 2 / math.tan(math.radians(30))
        assert entry["camera_intrinsics"]["focal_length_y"] == pytest.approx(expected)


def test_an_image_that_cannot_be_used_is_named_and_the_others_are_done(folder: Path) -> None:
    write_image(Path("wide.png"), 90, 60)
    Path("empty.png").touch()
    Path("text.png").write_text("no picture")
    Path("half.png").write_bytes(Path("a.png").read_bytes()[:5000])
    images = ("wide.png", "empty.png", "text.png", "half.png", "a.png")
    result = unity_depth("estimate", *images, "--intrinsics", "camera.json", "--output", "out")
    assert result.returncode == 2
    assert "4 of 5 images were left out" in result.stderr
    assert "wide.png: expected an image with the proportions of the camera's 80 x 60 px, got 90 x 60" in result.stderr
    assert all(f"- {name}: expected a" in result.stderr for name in images[1:4])
    assert results_in(Path("out")) == sorted(FILES)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        ("", "empty file"),
        ("{", "as JSON"),
        ("[]", "expected a JSON object"),
        ('{"width": 80}', "missing: height"),
        (json.dumps(CAMERA.to_intrinsics() | {"focal_length_x": 0}), "focal length"),
    ],
    ids=["missing", "empty", "broken", "list", "lacks keys", "zero"],
)
def test_intrinsics_that_cannot_be_used(folder: Path, content: str | None, message: str) -> None:
    if content is not None:
        Path("bad.json").write_text(content)
    result = unity_depth("estimate", "a.png", "--intrinsics", "bad.json", "--output", "out")
    assert result.returncode == 2
    assert "bad.json: " in result.stderr
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert not Path("out").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["a.png"], "got none"),
        (["a.png", "--intrinsics", "camera.json", "--vertical-fov", "60"], "got more than one"),
        (["a.png", "--vertical-fov", "0"], "between 0 and 180 deg"),
        (["a.png", "--vertical-fov", "180"], "between 0 and 180 deg"),
        (["no.png", "a.png", "no/*", "--vertical-fov", "60"], "no.png: no such file\n  - no/*: no file of this"),
        (["a.png", "sub/a.jpg", "--vertical-fov", "60"], "got a.png and sub/a.jpg"),
        (["a.png", "a.png", "--vertical-fov", "60"], "got a.png and a.png"),
        (["--vertical-fov", "60"], "IMAGE"),
    ],
    ids=["no camera", "two cameras", "0 deg", "180 deg", "missing", "same stem", "twice", "no image"],
)
def test_a_wrong_call_writes_nothing(folder: Path, arguments: list[str], message: str) -> None:
    write_image(Path("sub/a.jpg"), 80, 60)
    result = unity_depth("estimate", *arguments, "--output", "out")
    assert result.returncode == 2
    assert message in result.stderr
    assert not Path("out").exists()


@pytest.mark.parametrize("taken", FILES)
def test_nothing_is_overwritten_unless_asked_for(folder: Path, taken: str) -> None:
    Path("out").mkdir()
    file = Path("out") / taken
    file.write_text("mine")
    arguments = ("estimate", "a.png", "--vertical-fov", "60", "--output", "out")
    result = unity_depth(*arguments)
    assert result.returncode == 2
    assert f"{file}: exists already" in result.stderr
    assert [path.read_text() for path in Path("out").iterdir()] == ["mine"]
    result = unity_depth(*arguments, "--overwrite")
    assert f"{file}: exists already and was not written by this package" in result.stderr
    assert [path.read_text() for path in Path("out").iterdir()] == ["mine"]


def test_results_are_overwritten_only_if_asked_for_and_those_of_other_images_stay(folder: Path) -> None:
    write_image(Path("b.png"), 80, 60)
    arguments = ("--vertical-fov", "60", "--output", "out")
    assert unity_depth("estimate", "a.png", "b.png", *arguments).returncode == 0
    results = json.loads(Path("out/results.json").read_text())
    Path("out/b.ply").write_text("damaged")
    assert "--overwrite" in unity_depth("estimate", "b.png", *arguments).stderr
    assert unity_depth("estimate", "b.png", *arguments, "--overwrite").returncode == 0
    assert Path("out/b.ply").read_bytes() != b"damaged"
    assert json.loads(Path("out/results.json").read_text()) == results


def test_results_of_version_0_1_which_have_no_marker_may_be_overwritten(folder: Path) -> None:
    arguments = ("estimate", "a.png", "--vertical-fov", "60", "--output", "out", "--overwrite")
    assert unity_depth(*arguments).returncode == 0
    (Path("out") / MARKER).unlink()
    assert unity_depth(*arguments).returncode == 0


def test_an_output_that_is_no_folder_is_told(folder: Path) -> None:
    result = unity_depth("estimate", "a.png", "--vertical-fov", "60", "--output", "a.png")
    assert result.returncode == 2
    assert "a.png: cannot make the folder" in result.stderr


def test_relative_depth_with_a_known_unit_gives_distances(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ramp, "is_metric", False)
    options = (
        "--intrinsics",
        "camera.json",
        "--output",
        "out",
        "--metres-per-unit",
        "2.5",
        "--depth-model",
        "da3-small",
    )
    assert unity_depth("estimate", "a.png", *options).returncode == 0
    (annotation,) = Annotations.read(Path("out/results.json")).images
    assert annotation.objects[0].distance.median == pytest.approx(2.5 * (1 + 39 / 79))


def test_the_focal_length_is_corrected_for_where_asked_for(folder: Path) -> None:
    options = ("estimate", "a.png", "--intrinsics", "camera.json", "--output", "out", "--overwrite")
    for wanted in ((), ("--correct-focal",)):
        assert unity_depth(*options, *wanted).returncode == 0
        assert Ramp.options.correct_focal == bool(wanted)


@pytest.mark.parametrize(
    ("models", "message"),
    [
        (["da4"], "unknown depth model 'da4'"),
        (["da3metric-large", "--segmentation-model", "nope"], "unknown segmentation model 'nope'"),
        (["da3-small"], "got relative depth; choose a metric model .* --metres-per-unit"),
        (["da3mono-large"], "got relative depth"),
        (["da3metric-large", "--metres-per-unit", "2"], "a model whose depth has no unit, got da3metric-large"),
        (["da3mono-large", "--metres-per-unit", "2"], "no/such/folder"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_models_that_cannot_be_are_told_before_anything_loads(tmp_path: Path, models: list[str], message: str) -> None:
    write_image(tmp_path / "a.png", 32, 32)
    arguments = ("--vertical-fov", "60", "--output", tmp_path / "out", "--depth-weights", "no/such/folder")
    result = unity_depth("estimate", tmp_path / "a.png", *arguments, "--depth-model", *models)
    assert result.returncode == 2
    assert re.search(message, result.stderr)
    assert not (tmp_path / "out").exists()


def test_relative_depth_gives_no_distances(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ramp, "is_metric", False)
    result = unity_depth("estimate", "a.png", "--vertical-fov", "60", "--output", "out")
    assert result.returncode == 2
    assert "expected metric depth" in result.stderr
    assert results_in(Path("out")) == []


def test_the_embedded_models_estimate_an_image(tmp_path: Path) -> None:
    write_image(tmp_path / "noise.png", 96, 64)
    result = unity_depth("estimate", tmp_path / "noise.png", "--vertical-fov", "60", "--output", tmp_path / "out")
    assert result.returncode == 0, result.stderr
    data = json.loads((tmp_path / "out/results.json").read_text())
    assert (data["depth_model"], data["segmentation_model"]) == ("compact", "compact")
    assert np.isfinite(np.load(tmp_path / "out/noise_depth.npy")).all()


def test_weights_that_are_not_there_are_told(tmp_path: Path) -> None:
    write_image(tmp_path / "noise.png", 96, 64)
    arguments = (
        "--depth-model",
        "da2-metric-indoor-small",
        "--depth-weights",
        "no/such/folder",
        "--vertical-fov",
        "60",
    )
    result = unity_depth("estimate", tmp_path / "noise.png", *arguments, "--output", tmp_path / "out")
    assert result.returncode == 2
    assert "no/such/folder" in result.stderr
    assert not (tmp_path / "out").exists()


def test_a_folder_and_a_pattern_name_their_images(folder: Path) -> None:
    for name in ("b.jpg", ".hidden.png", "notes.txt"):
        write_image(Path("photos/x.png"), 80, 60)
        Path("photos/x.png").rename(Path("photos") / name)
    write_image(Path("more/c.png"), 80, 60)
    result = unity_depth("estimate", "photos", "more/*.png", "a.png", "--vertical-fov", "60", "--output", "out")
    assert result.returncode == 0, result.stderr
    names = [entry["image"] for entry in json.loads(Path("out/results.json").read_text())["images"]]
    assert names == ["b.jpg", "c.png", "a.png"]


def test_frames_of_a_video_are_images(folder: Path) -> None:
    writer = cv2.VideoWriter("clip.avi", cv2.VideoWriter_fourcc(*"MJPG"), 10, (80, 60))
    for k in range(25):
        writer.write(np.full((60, 80, 3), 10 * k, np.uint8))
    writer.release()
    result = unity_depth("estimate", "clip.avi", "--every", "10", "--vertical-fov", "60", "--output", "out")
    assert result.returncode == 0, result.stderr
    names = [entry["image"] for entry in json.loads(Path("out/results.json").read_text())["images"]]
    assert names == ["clip_000000.png", "clip_000010.png", "clip_000020.png"]
    assert abs(float(read_image(Path("out/clip_000020_overlay.png"))[0, 0].mean()) - 200) < 60


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"GIF89a" + bytes(50), "got a GIF"),
        (b"\0\0\0\x18ftypheic" + bytes(50), "a HEIC"),
        (b"\0\0\0\x18ftypmp42", "a video"),
    ],
)
def test_what_is_no_image_is_called_by_its_name_and_the_others_are_done(
    folder: Path, content: bytes, message: str
) -> None:
    Path("b.png").write_bytes(content)
    result = unity_depth("estimate", "b.png", "a.png", "--vertical-fov", "60", "--output", "out")
    assert result.returncode == 2
    assert "1 of 2 images were left out" in result.stderr
    assert message in result.stderr
    assert [entry["image"] for entry in json.loads(Path("out/results.json").read_text())["images"]] == ["a.png"]


@pytest.mark.parametrize("name", ["empty", "no*.png", "broken.mp4"])
def test_input_without_an_image_is_told(folder: Path, name: str) -> None:
    Path("empty").mkdir()
    Path("broken.mp4").write_bytes(b"\0\0\0\x18ftypmp42" + bytes(100))
    result = unity_depth("estimate", name, "--vertical-fov", "60", "--output", "out")
    assert result.returncode == 2
    assert name in result.stderr
    assert not Path("out").exists()


def test_camera_of_the_stored_image_names_exif(folder: Path) -> None:
    image = Image.fromarray(np.zeros((60, 80, 3), np.uint8))
    exif = image.getexif()
    exif[0x0112] = 6
    image.save("p.jpg", exif=exif)
    result = unity_depth("estimate", "p.jpg", "--intrinsics", "camera.json", "--output", "out")
    assert result.returncode == 2
    assert "got 60 x 80; give the intrinsics of this image; its EXIF orientation 6" in result.stderr


def test_interrupt_says_what_was_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_image(Path("b.png"), 80, 60)
    infer = Ramp.infer

    def interrupted(self: Ramp, image: torch.Tensor, *args: object) -> object:
        if Path("out/results.json").exists():
            raise KeyboardInterrupt
        return infer(self, image, *args)

    monkeypatch.setattr(Ramp, "infer", interrupted)
    result = unity_depth("estimate", "a.png", "b.png", "--vertical-fov", "60", "--output", "out")
    assert result.returncode == 130
    assert "interrupted; the results of 1 of 2 images are in out" in result.stderr
    assert [entry["image"] for entry in json.loads(Path("out/results.json").read_text())["images"]] == ["a.png"]
