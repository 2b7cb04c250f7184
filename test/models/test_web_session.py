"""The page without the page: uploads, sessions and their files, measuring, texts."""

from __future__ import annotations

import json
import math
from html.parser import HTMLParser
from pathlib import Path

import cv2
import numpy as np
import pytest
import trimesh
import web_results
from plyfile import PlyData

from unity_depth_perception.core.errors import ImageError, InputError, ModelError
from unity_depth_perception.dataset.files import read_depth, write_image
from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.export.formats.npz import load_scene
from unity_depth_perception.perception import ImagePerception
from unity_depth_perception.synthetic.samples import render_samples
from unity_depth_perception.web import session as sessions_module
from unity_depth_perception.web.actions import CameraSettings, PageActions, Shown
from unity_depth_perception.web.measuring import distance_between, measure_pixel, measured_text, parse_pixels
from unity_depth_perception.web.models import PageModels, cameras_of
from unity_depth_perception.web.result_files import ResultFiles, write_comparison, write_result
from unity_depth_perception.web.session import Session, Sessions
from unity_depth_perception.web.texts import comparison_table, message, objects_table, status_text
from unity_depth_perception.web.uploads import LONGEST_SIDE_PX, UploadedImage, read_upload, reduced, safe_name, sentence


class _Cells(HTMLParser):
    """Texts of the table cells of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self._tag = ""

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self._tag = tag
        if tag == "tr":
            self.rows.append([])

    def handle_endtag(self, tag: str) -> None:
        self._tag = ""

    def handle_data(self, data: str) -> None:
        if self._tag in ("td", "th"):
            self.rows[-1].append(data)


def cells(html: str) -> list[list[str]]:
    parser = _Cells()
    parser.feed(html)
    return parser.rows


def exif_turned(image: np.ndarray) -> bytes:
    """JPEG whose EXIF orientation says that a viewer turns it by 90 degrees."""
    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0"
    jpeg = cv2.imencode(".jpg", image)[1].tobytes()
    return jpeg[:2] + b"\xff\xe1" + (len(exif) + 2).to_bytes(2) + exif + jpeg[2:]


@pytest.fixture(scope="module")
def result() -> ImagePerception:
    return web_results.result()


class _StandInModels(PageModels):
    """Models whose depth is known."""

    def perceive(self, name: str, image: UploadedImage, cameras: object, cube_edge_m: float = 0.07) -> ImagePerception:
        return web_results.result(image.name, 1.0 if name == "compact" else 1.5)


class _Frames:
    """A dataset of one frame."""

    names = ("scene/1.png",)

    def __init__(self, sample: Sample) -> None:
        self._sample = sample

    def __getitem__(self, index: int) -> Sample:
        return (self._sample,)[index]


def actions(root: Path) -> PageActions:
    return PageActions(_StandInModels(["compact", "floor-plane"]), Sessions(root), [])


def test_pixel_has_the_depth_and_the_point_of_the_result(result: ImagePerception) -> None:
    for x, y in (web_results.CUBE, web_results.FLOOR):
        found = measure_pixel(result, x, y)
        assert found.depth_m == result.depth_m[y, x]
        np.testing.assert_allclose(result.camera.project(found.position_m), (x, y), atol=1e-9)
        assert found.range_m == pytest.approx(np.linalg.norm(result.camera.unproject((x, y), found.depth_m)))


def test_pixel_names_the_object_there(result: ImagePerception) -> None:
    assert measure_pixel(result, *web_results.BLOCK).label == "blue_parallelepiped 1"
    assert measure_pixel(result, *web_results.FLOOR).label is None


def test_pixel_without_depth_is_said_to_have_none(result: ImagePerception) -> None:
    sky, hole = measure_pixel(result, *web_results.SKY), measure_pixel(result, *web_results.HOLE)
    assert "sky" in str(sky)
    assert "no valid depth" in str(hole)
    assert math.isnan(distance_between(sky, measure_pixel(result, *web_results.CUBE)))
    assert "Between" not in measured_text(result, [web_results.SKY, web_results.CUBE])


def test_distance_between_pixels_of_one_plane_is_that_of_the_pinhole_model(result: ImagePerception) -> None:
    one, other = measure_pixel(result, 55, 30), measure_pixel(result, 75, 30)
    assert distance_between(one, other) == pytest.approx(2.0 * 20 / result.camera.fx)
    assert f"{distance_between(one, other):.3f} m" in measured_text(result, [(55, 30), (75, 30)])


@pytest.mark.parametrize("pixel", [(-1, 0), (0, -1), (80, 0), (0, 60)])
def test_pixel_outside_the_image_is_refused(result: ImagePerception, pixel: tuple[int, int]) -> None:
    with pytest.raises(InputError, match="80 x 60 px"):
        measure_pixel(result, *pixel)


@pytest.mark.parametrize(
    ("text", "pixels"), [("3,4", [(3, 4)]), ("(3, 4); (5, 6)", [(3, 4), (5, 6)]), ("3,4 5,6", [(3, 4), (5, 6)])]
)
def test_pixels_of_a_text(text: str, pixels: list[tuple[int, int]]) -> None:
    assert parse_pixels(text) == pixels


@pytest.mark.parametrize("text", ["", "3", "3,4;5,6;7,8", "3,4 and 5,6", "3.5,4"])
def test_text_that_is_no_pixels_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="expected one or two pixels"):
        parse_pixels(text)


def test_files_of_a_result_agree_with_it(result: ImagePerception, tmp_path: Path) -> None:
    *stages, files = write_result(result, tmp_path / "run")
    assert isinstance(files, ResultFiles)
    assert all(isinstance(stage, str) for stage in stages)
    by_suffix = {path.suffix: path for path in files.downloads}
    assert set(by_suffix) == {".json", ".ply", ".glb", ".npz", ".png"}
    (entry,) = json.loads(by_suffix[".json"].read_text())["images"]
    assert [item["category"] for item in entry["objects"]] == [item.category for item in result.objects]
    valid = np.isfinite(result.depth_m)
    assert len(PlyData.read(str(by_suffix[".ply"]))["vertex"]) == valid.sum()
    np.testing.assert_array_equal(load_scene(by_suffix[".npz"]).views[0].depth_m, result.depth_m)
    np.testing.assert_allclose(read_depth(by_suffix[".png"])[valid], result.depth_m[valid], atol=5e-4)
    names = set(trimesh.load(by_suffix[".glb"]).geometry)
    assert len([name for name in names if name.startswith("object_")]) == len(result.objects)
    assert cv2.imread(str(files.overlay)).shape == (60, 80, 3)
    assert cv2.imread(str(files.depth)).shape[1] > 80  # the legend


def test_table_has_the_values_of_the_json(result: ImagePerception) -> None:
    _, *rows = cells(objects_table(result.objects))
    for row, item in zip(rows, (item.to_json() for item in result.objects), strict=True):
        lengths = (item["distance"]["median"], item["distance"]["min"], item["distance"]["max"], item["range"])
        assert row[:6] == [str(item["id"]), item["category"], *(f"{length:.3f} m" for length in lengths)]
        parent = item["parent_id"]
        assert row[6] == ("floor" if parent is None else f"{result.objects[parent].category} {parent}")


def test_comparison_says_by_how_much_the_models_differ(result: ImagePerception, tmp_path: Path) -> None:
    other = web_results.result(depth_factor=1.5)
    _, *rows = cells(comparison_table(result, other))
    assert [row[3] for row in rows] == ["+50.0 %"] * len(result.objects)
    files = write_comparison(result, other, tmp_path)
    assert [cv2.imread(str(path)) is not None for path in (*files.overlays, *files.depths)] == [True] * 4


def test_text_from_outside_is_escaped(result: ImagePerception) -> None:
    assert "<script" not in message("<script>alert(1)</script>", is_error=True)
    image = UploadedImage("a<b>.png", np.zeros((60, 80, 3), np.uint8), (80, 60))
    assert "a<b>" not in status_text(result, image, 0.1)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("photo 1.png", "photo_1.png"),
        ("../../etc/passwd", "passwd.png"),
        ("a\\b\\c.jpg", "c.jpg"),
        (".png", "png.png"),
        ("$(reboot)\n.png", "reboot.png"),
        ("x" * 300 + ".jpeg", "x" * 60 + ".jpeg"),
        ("", "image.png"),
    ],
)
def test_name_of_an_upload_becomes_a_plain_file_name(name: str, safe: str) -> None:
    assert safe_name(name) == safe


def test_image_of_20_megapixels_is_reduced_in_its_proportions(tmp_path: Path) -> None:
    image = reduced("big.png", np.zeros((3648, 5472, 3), np.uint8))
    assert image.is_reduced
    assert image.original_size == (5472, 3648)
    assert image.pixels.shape == (1067, LONGEST_SIDE_PX, 3)
    cameras_of(None, 60).camera_for(LONGEST_SIDE_PX, 1067)


def test_upload_is_upright_8_bit_rgb(tmp_path: Path) -> None:
    deep = np.full((6, 8), 0x8080, np.uint16)
    cv2.imwrite(str(tmp_path / "deep.png"), deep)
    image = read_upload(tmp_path / "deep.png")
    assert (image.pixels.dtype, image.pixels.shape) == (np.uint8, (6, 8, 3))
    assert np.unique(image.pixels).tolist() == [0x80]
    (tmp_path / "turned.jpg").write_bytes(exif_turned(np.zeros((6, 8, 3), np.uint8)))
    assert read_upload(tmp_path / "turned.jpg").pixels.shape == (8, 6, 3)


@pytest.mark.parametrize("content", [b"", b"just a text", b"\x89PNG\r\n\x1a\n" + bytes(20), b"PK\x03\x04 zip"])
def test_file_that_is_no_image_is_refused_with_a_sentence_without_paths(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "hash" / "notes.png"
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_upload(path)
    text = sentence(caught.value, tmp_path)
    assert "expected" in text
    assert str(tmp_path) not in text
    assert "notes.png" in text


def test_frame_of_a_video_is_chosen_by_its_number(tmp_path: Path) -> None:
    path = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 5, (64, 48))
    for grey in (0, 100, 200):
        writer.write(np.full((48, 64, 3), grey, np.uint8))
    writer.release()
    assert read_upload(path, 2).pixels.mean() == pytest.approx(200, abs=8)
    with pytest.raises(ImageError, match="from 0 to 2, got 3"):
        read_upload(path, 3)


@pytest.mark.parametrize("fov", [None, 0, 180, math.nan, -60])
def test_impossible_field_of_view_is_refused(fov: float | None) -> None:
    with pytest.raises(InputError, match="1 to 179"):
        cameras_of(None, fov)


def test_model_that_the_page_does_not_offer_is_refused() -> None:
    models = PageModels(["floor-plane"])
    with pytest.raises(ModelError, match="expected one of the page's models floor-plane"):
        models.load("da3metric-large")


def test_sessions_of_two_visitors_do_not_mix(tmp_path: Path) -> None:
    page = actions(tmp_path)
    for name in ("ann", "bob"):
        image = tmp_path / f"{name}.png"
        write_image(image, np.zeros((60, 80, 3), np.uint8))
        page.choose_upload(name, image)
        *_, shown = page.perceive(name, "compact" if name == "ann" else "floor-plane", CameraSettings(60))
        assert isinstance(shown, Shown)
        assert name in shown.status
    depths = [page.measure(name, f"{web_results.CUBE[0]}, {web_results.CUBE[1]}")[0] for name in ("ann", "bob")]
    assert "1.000 m deep" in depths[0]
    assert "1.500 m deep" in depths[1]


def test_frame_of_the_dataset_comes_with_its_camera(tmp_path: Path) -> None:
    sample = render_samples([4], 80, 60)[0]
    page = actions(tmp_path)
    with pytest.raises(InputError, match="--dataset"):
        page.choose_frame("ann", "scene/1.png")
    page.dataset = _Frames(sample)  # type: ignore[assignment]
    with pytest.raises(InputError, match="expected a frame of the dataset, got 'other'"):
        page.choose_frame("ann", "other")
    page.choose_frame("ann", "scene/1.png")
    session = page.sessions.of("ann")
    np.testing.assert_array_equal(read_upload(session.require_upload()).pixels, sample.image)
    camera = cameras_of(session.intrinsics, None).camera_for(80, 60)
    assert camera.fy == pytest.approx(sample.camera.fy)
    assert camera.cx == pytest.approx(sample.camera.cx)


def test_third_click_begins_a_new_pair(tmp_path: Path) -> None:
    page = actions(tmp_path)
    page.sessions.of("ann").show(web_results.result(), tmp_path)
    texts = [page.click("ann", *pixel)[1] for pixel in ((30, 40), (35, 40), (36, 41))]
    assert texts == ["30, 40", "30, 40; 35, 40", "36, 41"]


def test_click_that_cannot_be_measured_is_forgotten(tmp_path: Path) -> None:
    page = actions(tmp_path)
    page.sessions.of("ann").show(web_results.result(), tmp_path)
    with pytest.raises(InputError):
        page.click("ann", 500, 500)
    assert page.click("ann", 30, 40)[1] == "30, 40"


def test_clicked_picture_is_marked_and_has_a_new_name(tmp_path: Path) -> None:
    session = Sessions(tmp_path).of("ann")
    session.show(web_results.result(), tmp_path)
    first = session.marked_picture([(30, 40)])
    picture = cv2.imread(str(first))
    assert picture is not None
    assert (picture[40, 30] != session.require_result().overlay()[40, 30, ::-1]).any()
    assert session.marked_picture([(30, 40)]) != first


def test_measuring_before_a_result_is_refused(tmp_path: Path) -> None:
    page = actions(tmp_path)
    with pytest.raises(InputError, match="choose an example first"):
        page.measure("ann", "3, 4")
    with pytest.raises(InputError, match="expected an image"):
        list(page.perceive("ann", "compact", CameraSettings(60)))


def test_files_of_a_session_go_with_it_and_uploads_that_another_uses_stay(tmp_path: Path) -> None:
    page = actions(tmp_path)
    shared, own = tmp_path / "a" / "same.png", tmp_path / "b" / "own.png"
    for path in (shared, own):
        path.parent.mkdir()
        write_image(path, np.zeros((60, 80, 3), np.uint8))
    for name in ("ann", "bob"):
        page.choose_upload(name, shared)
    page.choose_upload("ann", own)
    list(page.perceive("ann", "compact", CameraSettings(60)))
    folder = page.sessions.of("ann").folder
    page.sessions.end("ann")
    assert (folder.exists(), own.exists(), shared.exists()) == (False, False, True)
    page.sessions.end("bob")
    assert not shared.exists()
    page.sessions.end("nobody")


def test_earlier_results_are_removed_and_the_shown_one_stays(tmp_path: Path) -> None:
    page = actions(tmp_path)
    image = tmp_path / "room.png"
    write_image(image, np.zeros((60, 80, 3), np.uint8))
    page.choose_upload("ann", image)
    for _ in range(3):
        *_, shown = page.perceive("ann", "compact", CameraSettings(60))
    assert isinstance(shown, Shown)
    started = page.perceive("ann", "compact", CameraSettings(60))
    for _ in range(3):
        next(started)
    started.close()  # as by Cancel
    assert all(path.exists() for path in shown.files.downloads)
    assert len(list(page.sessions.of("ann").folder.glob("run_*"))) == 2


def test_session_idle_longest_ends_when_there_are_too_many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sessions_module, "MAX_SESSIONS", 2)
    sessions = Sessions(tmp_path)
    first = sessions.of("first").folder
    sessions.of("second")
    sessions.of("third")
    assert not first.exists()
    assert len(sessions) == 2


def test_names_of_session_folders_cannot_be_guessed(tmp_path: Path) -> None:
    folders: list[Session] = [Sessions(tmp_path).of("ann") for _ in range(2)]
    assert folders[0].folder != folders[1].folder
    assert all(len(item.folder.name) >= 20 for item in folders)
