"""The page with its server on 127.0.0.1: over its API, and in headless Chromium; skipped where these are missing."""

from __future__ import annotations

import json
import shutil
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import cv2
import numpy as np
import pytest
from test_web_session import cells, exif_turned

from unity_depth_perception.evaluation.evaluator import Evaluator
from unity_depth_perception.web import examples
from unity_depth_perception.web.models import PageModels

pytest.importorskip("gradio", reason="needs the extra web: pip install gradio")
pytestmark = pytest.mark.slow
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
CHROMIUM_FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]
WAIT_S = 60


@pytest.fixture(scope="module")
def models() -> PageModels:
    return PageModels(["compact", "floor-plane"], device="cpu")


@pytest.fixture(scope="module")
def address(models: PageModels) -> Iterator[str]:
    from unity_depth_perception.web.server import serving

    with pytest.MonkeyPatch.context() as patch, serving(models) as url:
        patch.setattr(examples, "TOUR_FRAMES", 2)
        yield url


@pytest.fixture
def tab(address: str) -> Iterator[Any]:
    """A tab of headless Chromium on the page; `tab.asked` has the addresses of all requests."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs playwright to drive a browser")
    if CHROMIUM is None:
        pytest.skip("needs Chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=CHROMIUM_FLAGS)
        page = browser.new_page(viewport={"width": 1280, "height": 2000})
        page.set_default_timeout(WAIT_S * 1000)
        page.asked = []
        page.on("request", lambda request: page.asked.append(request.url))
        page.goto(address)
        page.wait_for_selector("#examples button img")
        yield page
        browser.close()


def perceived(address: str, path: Path, fov: float = 60.0) -> tuple[str, list[Any]]:
    """Last status, and all that was shown, for an upload over the API."""
    client_module = pytest.importorskip("gradio_client")
    client = client_module.Client(address, verbose=False, download_files=False)
    client.predict(client_module.handle_file(str(path)), api_name="/choose_upload")
    job = client.submit("compact", fov, None, 0, 0.07, api_name="/perceive")
    job.result(timeout=WAIT_S)
    return str(job.outputs()[-1][0]), job.outputs()


def status_code(url: str) -> int:
    try:
        with urllib.request.urlopen(url, timeout=30) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


@pytest.mark.parametrize("name", ["/etc/passwd", "../../etc/passwd", "%2e%2e/%2e%2e/etc/passwd", "setup.cfg"])
def test_no_file_outside_the_uploads_is_served(address: str, name: str) -> None:
    assert status_code(f"{address}gradio_api/file={name}") in (403, 404)


def test_visitors_at_the_same_time_get_their_own_results(address: str, tmp_path: Path) -> None:
    statuses: dict[str, str] = {}

    def visit(name: str, width: int) -> None:
        path = tmp_path / f"{name}.png"
        cv2.imwrite(str(path), np.full((120, width, 3), 90, np.uint8))
        statuses[name] = perceived(address, path)[0]

    threads = [threading.Thread(target=visit, args=item) for item in (("ann", 160), ("bob", 200))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=2 * WAIT_S)
    assert "ann.png, 160 x 120 px" in statuses["ann"]
    assert "bob.png, 200 x 120 px" in statuses["bob"]


def test_odd_uploads_get_a_result_or_a_sentence(address: str, tmp_path: Path) -> None:
    text, deep, turned, large = (tmp_path / name for name in ("notes.png", "deep.png", "turned.jpg", "large.jpg"))
    text.write_text("no image at all")
    cv2.imwrite(str(deep), np.full((120, 160), 0x8080, np.uint16))
    turned.write_bytes(exif_turned(np.zeros((120, 160, 3), np.uint8)))
    cv2.imwrite(str(large), np.full((3648, 5472, 3), 90, np.uint8))
    refused = perceived(address, text)[0]
    assert 'role="alert"' in refused
    assert "notes.png: expected a JPEG or PNG image, got 15 bytes that are no image" in refused
    assert "/tmp" not in refused
    assert "deep.png, 160 x 120 px," in perceived(address, deep)[0]
    assert "turned.jpg, 120 x 160 px" in perceived(address, turned)[0]
    assert "1600 x 1067 px (reduced from 5472 x 3648 px)" in perceived(address, large)[0]


def test_idle_page_needs_no_cpu(address: str) -> None:
    def used_s() -> float:
        """Processor time of two seconds in which nobody asks for anything."""
        start_s = time.process_time()
        time.sleep(2)
        return time.process_time() - start_s

    assert any(used_s() < 0.1 for _ in range(3))  # one twentieth of a core


def test_result_in_the_browser_is_that_of_the_files(address: str, tab: Any, tmp_path: Path) -> None:
    tab.locator("#examples button:has(img)").nth(1).press("Enter")  # by keyboard
    tab.wait_for_selector("#objects table")
    _, *rows = cells(tab.locator("#objects").inner_html())
    with tab.expect_download() as download:
        tab.get_by_role("link", name="JSON").or_(tab.get_by_role("button", name="JSON")).first.click()
    download.value.save_as(tmp_path / "results.json")
    (entry,) = json.loads((tmp_path / "results.json").read_text())["images"]
    expected = [[item["category"], f"{item['distance']['median']:.3f} m"] for item in entry["objects"]]
    assert [row[1:3] for row in rows] == expected
    assert expected
    item = entry["objects"][0]
    x, y = (item["bbox"][0] + item["bbox"][2]) // 2, (item["bbox"][1] + item["bbox"][3]) // 2
    box = tab.locator("#overlay img").bounding_box()
    tab.mouse.click(box["x"] + box["width"] * (x + 0.5) / 480, box["y"] + box["height"] * (y + 0.5) / 360)
    tab.wait_for_function("document.querySelector('#measured').innerText.includes('m deep')")
    assert f"on {item['category']} {item['id']}" in tab.locator("#measured").inner_text()
    pixels = tab.get_by_label("Pixels (column, row)")
    pixels.fill("10, 350; 470, 350")
    pixels.press("Enter")
    tab.wait_for_function("document.querySelector('#measured').innerText.includes('Between the two')")
    assert {urlsplit(url).hostname for url in tab.asked if not url.startswith(("data:", "blob:"))} == {"127.0.0.1"}
    shown = next(Path(urlsplit(url).path.partition("file=")[2]) for url in tab.asked if url.endswith("_overlay.png"))
    assert shown.is_file()
    tab.close()
    deadline = time.monotonic() + WAIT_S
    while shown.parents[1].exists() and time.monotonic() < deadline:
        time.sleep(0.2)
    assert not shown.parents[1].exists()  # the session's folder


def not_one_colour(tab: Any, place: str, path: Path) -> bool:
    """Whether a 3D view shows something within 20 s."""
    for _ in range(20):
        tab.wait_for_timeout(1000)
        tab.locator(place).screenshot(path=str(path))
        view = cv2.imread(str(path))[60:-10, 10:-10]
        if (view.reshape(-1, 3) != view[0, 0]).any(axis=1).mean() > 0.03:
            return True
    return False


def test_3d_view_is_not_empty(tab: Any, tmp_path: Path) -> None:
    tab.locator("#examples button:has(img)").first.click()
    tab.wait_for_selector("#scene canvas")
    assert not_one_colour(tab, "#scene", tmp_path / "scene.png")


def test_images_of_the_tour_are_reconstructed_and_downloaded(tab: Any, tmp_path: Path) -> None:
    tab.get_by_role("tab", name="Reconstruct").click()
    tab.get_by_role("button", name="Reconstruct").click()
    tab.wait_for_function("document.body.innerText.includes('2 of 2 images of Virtual tour')")
    assert "The metres come from" in tab.locator("p.udp-status:visible").inner_text()
    tab.wait_for_selector("#fused canvas")
    assert not_one_colour(tab, "#fused", tmp_path / "fused.png")
    for name, start in (("Cloud .ply", b"ply"), ("3D view .glb", b"glTF"), ("Arrays .npz", b"PK")):
        with tab.expect_download() as download:
            tab.get_by_role("link", name=name).or_(tab.get_by_role("button", name=name)).first.click()
        download.value.save_as(tmp_path / "file")
        assert (tmp_path / "file").read_bytes().startswith(start)


def test_images_without_poses_get_a_sentence_that_says_what_is_missing(tab: Any, tmp_path: Path) -> None:
    tab.get_by_role("tab", name="Reconstruct").click()
    for name in ("a.png", "b.png"):
        cv2.imwrite(str(tmp_path / name), np.full((48, 64, 3), 90, np.uint8))
    tab.locator("#views input[type=file]").set_input_files([str(tmp_path / "a.png"), str(tmp_path / "b.png")])
    tab.wait_for_function("document.body.innerText.includes('2 files uploaded')")
    assert tab.get_by_label("Uploaded files").is_checked()
    tab.get_by_role("button", name="Reconstruct").click()
    alert = tab.locator("p[role=alert]:visible")
    alert.wait_for()
    assert "expected the camera's pose of each image, got 0 of 2" in alert.inner_text()


def test_report_of_an_evaluation_is_shown_and_downloaded(tab: Any, tmp_path: Path) -> None:
    tab.get_by_role("tab", name="Evaluate").click()
    tab.get_by_label("Number of images").fill("1")
    tab.get_by_role("button", name="Evaluate").click()
    tab.wait_for_selector("iframe.udp-report")
    assert "Evaluation of Virtual tour" in tab.frame_locator("iframe.udp-report").locator("h1").inner_text()
    with tab.expect_download() as download:
        tab.get_by_role("link", name="Report .html").or_(tab.get_by_role("button", name="Report .html")).first.click()
    download.value.save_as(tmp_path / "report.html")
    assert "Evaluation of Virtual tour" in (tmp_path / "report.html").read_text()
    assert {urlsplit(url).hostname for url in tab.asked if not url.startswith(("data:", "blob:"))} == {"127.0.0.1"}


def test_running_evaluation_is_cancelled_between_images(tab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    started, goes_on, processed = threading.Event(), threading.Event(), []
    process = Evaluator.process

    def waiting(self: Evaluator, sample: Any) -> Any:
        processed.append(sample.name)
        started.set()
        goes_on.wait(WAIT_S)
        return process(self, sample)

    monkeypatch.setattr(Evaluator, "process", waiting)
    tab.get_by_role("tab", name="Evaluate").click()
    tab.get_by_role("button", name="Evaluate").click()
    assert started.wait(WAIT_S)
    tab.get_by_role("button", name="Cancel").click()
    tab.wait_for_function("document.body.innerText.includes('Cancelled. What is under way ends with the image')")
    goes_on.set()
    tab.wait_for_timeout(3000)
    assert len(processed) == 1
    assert tab.locator("iframe.udp-report").count() == 0


def test_cancelled_job_shows_no_result(models: PageModels, tab: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    started, goes_on = threading.Event(), threading.Event()
    perceive = PageModels.perceive

    def waiting(self: PageModels, *arguments: Any) -> Any:
        started.set()
        goes_on.wait(WAIT_S)
        return perceive(self, *arguments)

    monkeypatch.setattr(PageModels, "perceive", waiting)
    tab.locator("#examples button:has(img)").first.click()
    tab.wait_for_function("document.body.innerText.includes('Measuring with compact')")
    assert started.wait(WAIT_S)
    tab.get_by_role("button", name="Cancel").click()
    tab.wait_for_function("document.body.innerText.includes('Cancelled.')")
    goes_on.set()
    tab.wait_for_timeout(3000)
    assert tab.locator("#objects table").count() == 0
    assert "Cancelled." in tab.locator("p.udp-status").inner_text()


def test_keyboard_reaches_the_controls(tab: Any) -> None:
    reached = set()
    for _ in range(40):
        tab.keyboard.press("Tab")
        reached.add(tab.evaluate("(e => e.getAttribute('aria-label') || e.innerText.trim() || e.tagName)"
                                 "(document.activeElement)"))  # fmt: skip
    words = " | ".join(sorted(reached))
    for word in ("Reconstruct", "Evaluate", "Measure", "Cancel", "Measure pixels", "Cubes, camera file, video"):
        assert word in words
