"""`unity-depth synthesize`: a dataset folder of virtual scenes with all ground truth."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from unity_depth_perception.cli.options import Size, SizeOption
from unity_depth_perception.cli.progress import kept_on_interrupt, track
from unity_depth_perception.core.errors import DatasetError
from unity_depth_perception.synthetic.seeds import IMAGES_PER_SEED, LARGEST_SEED, scene_seed

if TYPE_CHECKING:
    from unity_depth_perception.dataset.sample import Sample
    from unity_depth_perception.synthetic.variety import Variety


def synthesize(
    out: Annotated[Path, typer.Argument(help="Folder to write; must be new or empty.")],
    count: Annotated[int, typer.Option(min=1, max=IMAGES_PER_SEED, help="Number of images.")] = 20,
    seed: Annotated[int, typer.Option(min=0, max=LARGEST_SEED, help="Seed of the scenes, which no training uses.")] = 0,
    size: SizeOption = Size(1024, 1024),
    vertical_fov: Annotated[
        float | None, typer.Option(metavar="DEG", help="Vertical field of view; drawn from the seed if not given.")
    ] = None,
    cube_edge: Annotated[float, typer.Option(metavar="M", min=0.005, max=5, help="Edge of the cube prefab.")] = 0.07,
    wide: Annotated[
        bool, typer.Option("--wide", help="More variety than the models are made for: distance, colours, wide lenses.")
    ] = False,
) -> None:
    """Write images of virtual scenes with true depth, masks, objects, parents and camera poses."""
    from unity_depth_perception.core.camera import Camera
    from unity_depth_perception.dataset.writer import DatasetWriter, unfinished
    from unity_depth_perception.synthetic.scene import CATEGORIES
    from unity_depth_perception.synthetic.variety import USUAL, WIDE

    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DatasetError(
            f"{out}: expected a new or empty folder to write to{unfinished(out)}; remove it or choose another"
        )
    variety = WIDE if wide else USUAL
    fov_rad = math.radians(vertical_fov) if vertical_fov is not None else _drawn_fov_rad(seed, variety)
    camera = Camera.from_vertical_fov(fov_rad, size.width, size.height)
    with (
        kept_on_interrupt(lambda: f"{len(writer)} of {count} images are complete in {out}"),
        DatasetWriter(out, camera, categories=CATEGORIES) as writer,
    ):
        for sample in track(_samples(count, seed, size, fov_rad, cube_edge, variety), count, "rendering"):
            writer.add(sample)
    typer.echo(f"{count} images of {size} px, vertical field of view {math.degrees(fov_rad):.2f} deg: {out}")


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
