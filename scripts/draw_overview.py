#!/usr/bin/env python3
"""Draws docs/overview.webp: a tour of virtual Unity as the package sees it.

    .venv/bin/python scripts/draw_overview.py [--frames 48] [--seed 7] [--output docs/overview.webp]

Four panels: picture with masks and distances, depth, point cloud from the side, measured and true distances over time.
All is predicted by the embedded models from the picture and the camera's pose; only the dashed lines are the truth.
"""

from __future__ import annotations

import argparse
import io
import math
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image

import unity_depth_perception as udp
from unity_depth_perception.core.objects import ObjectDistance
from unity_depth_perception.core.pose import look_at_pose
from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.export.overlay.palette import object_colour
from unity_depth_perception.export.pictures import depth_picture
from unity_depth_perception.synthetic.tours.tour import Tour, TourConfig

WIDTH, HEIGHT, FOV_RAD = 960, 720, 1.0  # of the camera; shown at half of it
RATE_HZ = 10.0
DEPTH_M = (0.2, 1.6)  # ends of the colours, the same in all frames
MOST_BYTES = 3_000_000
FARTHEST_MATCH_PX = 80
GROUND = (23, 22, 28)
Picture = NDArray[np.uint8]
Series = dict[int, list[tuple[float, float, float]]]  # true id -> (time [s], measured [m], true [m])


def main() -> None:
    """Render, perceive and write the animation."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--frames", type=int, default=48)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--output", type=Path, default=Path("docs/overview.webp"))
    options = parser.parse_args()
    tour = Tour(TourConfig(options.frames, RATE_HZ, "walk"), options.seed, WIDTH, HEIGHT, FOV_RAD)
    perception = udp.load()
    series: Series = {}
    seen: dict[int, ObjectDistance] = {}
    pages = []
    for number in range(options.frames):
        sample = tour[number]
        assert sample.world_from_camera is not None
        gravity = sample.world_from_camera[:3, :3].T @ [0.0, 0.0, -1.0]
        result = perception(sample.image, camera=sample.camera, gravity=gravity)
        follow(series, number / RATE_HZ, sample, result.objects)
        seen |= {item.id: item for item in sample.objects}
        depth = depth_picture(result.depth_m, near_m=DEPTH_M[0], far_m=DEPTH_M[1])
        distances = chart(series, options.frames / RATE_HZ, seen, (depth.shape[1] // 2, HEIGHT // 2))
        panels = (result.overlay(), depth, cloud_picture(sample, result.depth_m))
        overlay, depth, cloud = (np.asarray(Image.fromarray(panel).reduce(2)) for panel in panels)
        pages.append(page(overlay, depth, cloud, distances))
        print(f"{number + 1}/{options.frames}", end="\r", flush=True)
    options.output.write_bytes(animation(pages))
    print(f"{options.output}: {options.output.stat().st_size / 1e6:.2f} MB, {len(pages)} frames")


def follow(series: Series, time_s: float, sample: Sample, found: tuple[ObjectDistance, ...]) -> None:
    """Add measured and true distances of the objects of one frame that are of a category and in one place."""
    for true in sample.objects:
        near = [
            item for item in found if item.category == true.category and _distance_px(item, true) < FARTHEST_MATCH_PX
        ]
        if near:
            item = min(near, key=lambda item: _distance_px(item, true))
            series.setdefault(true.id, []).append((time_s, item.distance.median, true.distance.median))


def _distance_px(a: ObjectDistance, b: ObjectDistance) -> float:
    return math.dist(*(((box[0] + box[2]) / 2, (box[1] + box[3]) / 2) for box in (a.bbox, b.bbox)))


def cloud_picture(sample: Sample, depth_m: NDArray[np.float32]) -> Picture:
    """Render the cloud from a camera that is moved to the side and up, each point as 2 x 2 pixels, near ones last."""
    camera = sample.camera
    rows, columns = np.nonzero(np.isfinite(depth_m))
    points = camera.unproject(np.stack([columns, rows], axis=1), depth_m[rows, columns])
    middle = np.array([0.0, 0.0, float(np.median(depth_m[rows, columns]))])
    # In this world z is up, which in the optical frame is -y.
    world_from_optical = np.array([[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.0, -1.0, 0.0]])
    eye = middle + middle[2] * np.array([0.75, -0.55, -0.95])
    pose = look_at_pose(world_from_optical @ eye, world_from_optical @ middle)
    local = (points @ world_from_optical.T - pose[:3, 3]) @ pose[:3, :3]
    picture = np.full((camera.height, camera.width, 3), GROUND, np.uint8)
    in_front = local[:, 2] > 0.02
    order = np.flatnonzero(in_front)[np.argsort(-local[in_front, 2])]
    u, v = np.rint(camera.project(local[order])).astype(int).T
    colours = sample.image[rows[order], columns[order]]
    for du, dv in ((0, 0), (1, 0), (0, 1), (1, 1)):
        inside = (u + du >= 0) & (u + du < camera.width) & (v + dv >= 0) & (v + dv < camera.height)
        picture[v[inside] + dv, u[inside] + du] = colours[inside]
    return picture


def chart(series: Series, duration_s: float, objects: dict[int, ObjectDistance], size: tuple[int, int]) -> Picture:
    """Draw measured (points) and true (dashed) distances over time."""
    with mpl.rc_context({"text.color": "w", "axes.labelcolor": "w", "xtick.color": "w", "ytick.color": "w"}):
        figure = Figure((size[0] / 100, size[1] / 100), dpi=100, facecolor=np.array(GROUND) / 255, layout="tight")
        axes = figure.add_subplot(facecolor=np.array(GROUND) / 255)
        for id_, values in series.items():
            times, measured, true = zip(*values, strict=True)
            colour = np.array(object_colour(objects[id_])) / 255
            axes.plot(times, true, "--", color=colour, linewidth=1)
            axes.plot(times, measured, ".", color=colour, markersize=4)
        axes.set(xlim=(0, duration_s), xlabel="time [s]", ylabel="distance [m]")
        axes.set_title("distance: measured (points), true (dashed)", fontsize=10, color="w")
        axes.set_ylim(bottom=0)
        buffer = io.BytesIO()
        figure.savefig(buffer, format="png")
    return np.asarray(Image.open(buffer).convert("RGB").resize(size))


def page(overlay: Picture, depth: Picture, cloud: Picture, distances: Picture) -> Image.Image:
    """Arrange the panels of one frame in two rows."""
    return Image.fromarray(np.vstack([np.hstack([overlay, depth]), np.hstack([cloud, distances])]))


def animation(pages: list[Image.Image]) -> bytes:
    """Encode an endless WebP animation, with less quality until it is below MOST_BYTES."""
    for quality in range(80, 20, -10):
        buffer = io.BytesIO()
        pages[0].save(
            buffer,
            "WEBP",
            save_all=True,
            append_images=pages[1:],
            duration=round(1000 / RATE_HZ),
            loop=0,
            quality=quality,
        )
        if buffer.tell() < MOST_BYTES:
            break
    return buffer.getvalue()


if __name__ == "__main__":
    main()
