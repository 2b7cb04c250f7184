"""Latency from image to objects while somebody looks at the page of view_node, beside that while nobody does.

    python benchmarks/live_view.py [--rounds 6] [--frames 25] [--size 1024x1024] [--rate-hz 5]

Depth and masks are given, so that transport, conversion and the view are measured. Each round has frames without a
viewer, with a websocket client that takes every picture, and, where playwright and Chromium are, with the page in
headless Chromium, which draws on the same cores. Rounds alternate, so that what else the machine does meets all alike.
"""

from __future__ import annotations

import argparse
import contextlib
import multiprocessing
import os
import shutil
import socket
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from multiprocessing.synchronize import Event
from pathlib import Path
from typing import TYPE_CHECKING

from latency import DEADLINE_S, FRAME_DEADLINE_S, WARM_UP, render_scene
from processes import StageProcesses, set_environment

if TYPE_CHECKING:
    from camera import Camera

GOAL_MS = 5.0
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
Viewer = Callable[[int], AbstractContextManager[object]]


def main() -> None:
    """Run the rounds and print the medians, and the medians of the differences within a round."""
    options = _parse()
    set_environment(profile=True)
    viewers = _viewers()
    with tempfile.TemporaryDirectory() as folder:
        scene = Path(folder) / "scene.npz"
        render_scene(scene, *options.size)
        rounds = _measure(scene, viewers, options)
    _print(rounds, options)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--frames", type=int, default=25, help="per round and viewer")
    parser.add_argument("--size", type=lambda text: tuple(map(int, text.split("x"))), default=(1024, 1024))
    parser.add_argument("--rate-hz", type=float, default=5.0)
    return parser.parse_args()


def _viewers() -> dict[str, Viewer]:
    viewers: dict[str, Viewer] = {"nobody": lambda port: contextlib.nullcontext(), "websocket client": _client}
    with contextlib.suppress(ImportError):
        import playwright.sync_api  # noqa: F401

        if CHROMIUM is not None:
            viewers["Chromium"] = _chromium
    return viewers


def _measure(scene: Path, viewers: dict[str, Viewer], options: argparse.Namespace) -> list[dict[str, list[float]]]:
    """Latencies [ms] of each round by viewer."""
    # Imported late: DDS reads its environment on import.
    from camera import Camera

    port = _free_port()
    ports = ("-p", f"page_port:={port}", "-p", "foxglove_port:=0")
    rounds: list[dict[str, list[float]]] = []
    camera = Camera(scene)
    with StageProcesses(("perception",), scene) as stages, StageProcesses(("view",), scene, *ports) as view:
        camera.wait_for_objects(DEADLINE_S, stages.check)
        _wait_for_page(port, view)
        for _ in range(options.rounds):
            rounds.append({})
            for name, viewer in viewers.items():
                with viewer(port):
                    _frames(camera, WARM_UP, options.rate_hz)
                    rounds[-1][name] = _frames(camera, options.frames, options.rate_hz)
    camera.close()
    return rounds


def _frames(camera: Camera, count: int, rate_hz: float) -> list[float]:
    latencies = []
    for _ in range(count):
        start = time.monotonic()
        arrivals = camera.send(False, FRAME_DEADLINE_S)
        if arrivals is not None:
            latencies.append(arrivals[0])
        time.sleep(max(start + 1 / rate_hz - time.monotonic(), 0))
    return latencies


@contextlib.contextmanager
def _client(port: int) -> Iterator[None]:
    """A websocket client in a process of its own."""
    context = multiprocessing.get_context("spawn")
    connected = context.Event()
    process = context.Process(target=_take_pictures, args=(port, connected), daemon=True)
    process.start()
    if not connected.wait(DEADLINE_S):
        raise SystemExit("the websocket client did not connect")
    yield
    process.terminate()
    process.join()


def _take_pictures(port: int, connected: Event) -> None:
    """Ask for the next update as soon as the last one is there."""
    from websockets.sync.client import connect

    with connect(f"ws://127.0.0.1:{port}/live", max_size=None) as connection:
        connected.set()
        connection.send("next")
        for update in connection:
            if isinstance(update, bytes) or '"picture": false' in update:
                connection.send("next")


@contextlib.contextmanager
def _chromium(port: int) -> Iterator[None]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 900})
        page.goto(f"http://127.0.0.1:{port}")
        yield
        browser.close()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _wait_for_page(port: int, view: StageProcesses) -> None:
    end = time.monotonic() + DEADLINE_S
    while time.monotonic() < end:
        view.check()
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.2)
    raise SystemExit(f"timed out after {DEADLINE_S:g} s waiting for the page")


def _print(rounds: list[dict[str, list[float]]], options: argparse.Namespace) -> None:
    width, height = options.size
    print(
        f"{width} x {height} at {options.rate_hz:g} Hz, {len(rounds)} rounds of {options.frames} frames, "
        f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    )
    print(f"{'image to objects':18}{'p50 [ms]':>10}{'difference [ms]':>17}{'ratio':>8}   difference of each round [ms]")
    for name in rounds[0]:
        pairs = [(statistics.median(each["nobody"]), statistics.median(each[name])) for each in rounds]
        more = [with_viewer - without for without, with_viewer in pairs]
        deciles = statistics.quantiles((value for each in rounds for value in each[name]), n=10)
        ratio = statistics.median(with_viewer / without for without, with_viewer in pairs)
        print(
            f"{name:18}{deciles[0]:10.1f}{deciles[4]:10.1f}{statistics.median(more):17.1f}{ratio:8.2f}   "
            f"{' '.join(f'{difference:.1f}' for difference in more)}"
        )
    print(f"goal: at most {GOAL_MS:g} ms more, of the median over the rounds; p10 says most on a busy machine")


if __name__ == "__main__":
    main()
