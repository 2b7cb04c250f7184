"""`unity-depth synthesize`: virtual scenes, or a tour of one room, with all ground truth: a dataset folder or a bag."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unity_depth_perception.cli.options import KindOption, Size, SizeOption
from unity_depth_perception.cli.progress import kept_on_interrupt, track
from unity_depth_perception.core.errors import DatasetError, InputError
from unity_depth_perception.synthetic.seeds import IMAGES_PER_SEED, LARGEST_SEED, scene_seed

if TYPE_CHECKING:
    from unity_depth_perception.core.camera import Camera
    from unity_depth_perception.dataset.sample import Sample
    from unity_depth_perception.synthetic.tours.tour import Tour
    from unity_depth_perception.synthetic.variety import Variety


def synthesize(
    out: Annotated[Path, typer.Argument(help="Folder to write; must be new or empty.")],
    count: Annotated[int, typer.Option(min=1, max=IMAGES_PER_SEED, help="Number of images, each of a new scene.")] = 20,
    seed: Annotated[int, typer.Option(min=0, max=LARGEST_SEED, help="Seed of the scenes, which no training uses.")] = 0,
    size: SizeOption = Size(1024, 1024),
    vertical_fov: Annotated[
        float | None, typer.Option(metavar="DEG", help="Vertical field of view; drawn from the seed if not given.")
    ] = None,
    cube_edge: Annotated[float, typer.Option(metavar="M", min=0.005, max=5, help="Edge of the cube prefab.")] = 0.07,
    wide: Annotated[
        bool, typer.Option("--wide", help="More variety than the models are made for: distance, colours, wide lenses.")
    ] = False,
    kind: KindOption = "room",
    tour: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=1, max=IMAGES_PER_SEED, help="Instead: N images of a camera that moves in a room."
        ),
    ] = None,
    motion: Annotated[
        str | None, typer.Option(metavar="orbit|walk|stop-and-go", help="How the tour's camera moves; default: orbit.")
    ] = None,
    rate: Annotated[
        float | None, typer.Option(metavar="HZ", help="Images of the tour per second; default: 10.")
    ] = None,
    speed: Annotated[
        float | None, typer.Option(metavar="M/S", help="Speed of the tour's camera; default: once around in N images.")
    ] = None,
    moving_objects: Annotated[
        bool, typer.Option("--moving-objects", help="Some objects of the tour slide and turn.")
    ] = False,
    bag: Annotated[
        str | None, typer.Option(metavar="mcap|sqlite3", help="Write the tour as a rosbag2 bag, not as a dataset.")
    ] = None,
) -> None:
    """Write images of virtual scenes with true depth, masks, objects, parents and camera poses."""
    from unity_depth_perception.core.files.output_folder import is_empty_folder
    from unity_depth_perception.dataset.writer import unfinished
    from unity_depth_perception.synthetic.variety import USUAL, WIDE

    if out.exists() and not is_empty_folder(out):
        raise DatasetError(
            f"{out}: expected a new or empty folder to write to{unfinished(out)}; remove it or choose another"
        )
    variety = replace(WIDE if wide else USUAL, kind=kind)
    fov_rad = math.radians(vertical_fov) if vertical_fov is not None else None
    given = {"motion": motion, "rate_hz": rate, "speed_m_s": speed, "moving_objects": moving_objects or None}
    given = {name: value for name, value in given.items() if value is not None}
    if tour is not None:
        if kind != "room":
            raise InputError(f"expected a tour of a room, got --kind {kind}; leave out --kind or --tour")
        course = _tour(tour, given, seed, size, fov_rad, cube_edge, variety)
        _write(out, (course[k] for k in range(tour)), tour, course.camera, bag)
    elif given or bag is not None:
        raise InputError("--motion, --rate, --speed, --moving-objects and --bag are of a tour: add --tour N")
    else:
        fov_rad = fov_rad if fov_rad is not None else _drawn_fov_rad(seed, variety)
        _write_scenes(out, count, seed, size, fov_rad, cube_edge, variety)


def _tour(
    count: int,
    given: dict[str, Any],
    seed: int,
    size: Size,
    fov_rad: float | None,
    edge_m: float,
    variety: Variety,
) -> Tour:
    from unity_depth_perception.synthetic.tours.tour import Tour, TourConfig

    config = TourConfig(count, **given)
    return Tour(config, scene_seed(seed, 0), size.width, size.height, fov_rad, edge_m, variety)


def _write_scenes(
    out: Path, count: int, seed: int, size: Size, fov_rad: float, edge_m: float, variety: Variety
) -> None:
    from unity_depth_perception.core.camera import Camera

    camera = Camera.from_vertical_fov(fov_rad, size.width, size.height)
    _write(out, _samples(count, seed, size, fov_rad, edge_m, variety), count, camera, bag=None)


def _write(out: Path, samples: Iterable[Sample], count: int, camera: Camera, bag: str | None) -> None:
    """Write samples as a dataset folder or, in the storage `bag`, as a bag."""
    from unity_depth_perception.dataset.bag.sample_messages import write_sample
    from unity_depth_perception.dataset.bag.writer import BagWriter
    from unity_depth_perception.dataset.writer import DatasetWriter
    from unity_depth_perception.synthetic.scene import CATEGORIES

    done = 0
    with (
        kept_on_interrupt(lambda: f"{done} of {count} images are complete in {out}"),
        DatasetWriter(out, camera, categories=CATEGORIES) if bag is None else BagWriter(out, bag) as writer,
    ):
        add = writer.add if isinstance(writer, DatasetWriter) else partial(write_sample, writer)
        for sample in track(samples, count, "rendering"):
            add(sample)
            done += 1
    size, fov_deg = f"{camera.width}x{camera.height}", math.degrees(camera.vertical_fov_rad)
    typer.echo(f"{count} images of {size} px, vertical field of view {fov_deg:.2f} deg: {out}")


def _drawn_fov_rad(seed: int, variety: Variety) -> float:
    """Draw one field of view for the folder: the dataset format has one camera per folder."""
    import numpy as np

    from unity_depth_perception.synthetic.random_scene import random_fov_rad

    return random_fov_rad(np.random.default_rng(scene_seed(seed, 0)), variety)


def _samples(count: int, seed: int, size: Size, fov_rad: float, edge_m: float, variety: Variety) -> Iterator[Sample]:
    from unity_depth_perception.synthetic.random_scene import random_scene
    from unity_depth_perception.synthetic.samples import render_sample

    for index in range(count):
        scene = random_scene(scene_seed(seed, index), size.width, size.height, fov_rad, edge_m, variety)
        yield replace(render_sample(scene), name=f"{index:05d}.png")
