"""Reads hostile files of the seeds FIRST..END in a folder, in a process of its own; prints a line for each fault.

python read_files.py FOLDER FIRST END
"""

from __future__ import annotations

import contextlib
import os
import resource
import sys
import traceback
from pathlib import Path

import cv2
import numpy as np
from hostile_files import hostile_file
from solo_writer import exr_bytes

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import PerceptionError, shortened
from unity_depth_perception.dataset.annotations import Annotations
from unity_depth_perception.dataset.checks.findings import group
from unity_depth_perception.dataset.coco import examine_coco
from unity_depth_perception.dataset.examination import examine
from unity_depth_perception.dataset.files import read_depth, read_image, read_mask
from unity_depth_perception.dataset.solo.samples import examine_solo
from unity_depth_perception.models.checkpoints.hub import read_tensors
from unity_depth_perception.models.checkpoints.safetensors_file import load_weights

_LONGEST = 12_000  # characters of a message


def prepare(folder: Path) -> None:
    """A dataset folder, a SOLO folder, a secret beside them, a pipe and a link out."""
    image = np.random.default_rng(0).integers(0, 255, (24, 32, 3), dtype=np.uint8)
    mask = np.zeros((24, 32), np.uint16)
    mask[4:12, 4:12] = 1
    for place in (folder / "set" / "images", folder / "solo" / "sequence.0", folder / "coco", folder.parent):
        place.mkdir(parents=True, exist_ok=True)
        cv2.imwrite(str(place / ("secret.png" if place == folder.parent else "00000.png")), image)
    for place in (folder / "coco", folder / "solo" / "sequence.0"):
        (place / "link.png").symlink_to(folder.parent / "secret.png")
        os.mkfifo(place / "pipe")
    (folder / "set" / "masks").mkdir()
    cv2.imwrite(str(folder / "set" / "masks" / "00000.png"), mask)
    (folder / "solo" / "sequence.0" / "depth.exr").write_bytes(exr_bytes(np.ones((24, 32), np.float32)))
    colours = np.zeros((24, 32, 4), np.uint8)
    colours[4:12, 4:12] = (30, 20, 10, 255)
    cv2.imwrite(str(folder / "solo" / "sequence.0" / "masks.png"), colours)


def read(kind: str, content: bytes, folder: Path) -> list[str]:
    """Read a file as a user's command would; returns what the command would say."""
    if kind == "camera.json":
        (folder / kind).write_bytes(content)
        return [str(Camera.from_intrinsics_file(folder / kind).vertical_fov_rad)]
    if kind == "annotations.json":
        (folder / "set" / kind).write_bytes(content)
        Annotations.examine(folder / "set" / kind)
        found = examine(folder / "set")
        return [*found.problems, *found.notes]
    if kind == "coco.json":
        (folder / "coco" / kind).write_bytes(content)
        found = examine_coco(folder / "coco" / kind, folder / "coco")
        return [*found.problems, *found.notes]
    if kind == "solo.json":
        (folder / "solo" / "sequence.0" / "step0.frame_data.json").write_bytes(content)
        found = examine_solo(folder / "solo")
        return [*found.problems, *found.notes]
    path = folder / (f"{kind}.jpg" if kind == "picture" else kind)
    path.write_bytes(content)
    readers = {"image.png": read_image, "picture": read_image, "mask.png": read_mask}
    if kind in readers:
        return [str(readers[kind](path).shape)]
    if kind.startswith("depth"):
        return [str(read_depth(path).shape)]
    if kind == "weights.safetensors":
        with contextlib.suppress(PerceptionError):
            load_weights(path)
    return [str(len(read_tensors(path)))]


def main(folder: Path, first: int, end: int) -> None:
    """Read all files; the last line has their number and the growth of resident memory [MiB]."""
    folder.mkdir(parents=True)
    prepare(folder)
    examine(folder / "set")
    opened: list[str] = []
    sys.addaudithook(lambda event, values: opened.append(str(values[0])) if event == "open" else None)
    for seed in (0, 4, 7, 9):  # what imports on first use
        try_to_read(*hostile_file(seed), folder)
    opened.clear()
    idle = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for seed in range(first, end):
        kind, content = hostile_file(seed)
        fault = try_to_read(kind, content, folder)
        outside = [name for name in opened if "secret" in name or name.startswith(("/dev/zero", "/etc/hostname"))]
        opened.clear()
        if fault or outside:
            print(f"seed {seed} ({kind}): {fault} {outside}", flush=True)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"done {end - first} {(peak - idle) >> 10}", flush=True)


def try_to_read(kind: str, content: bytes, folder: Path) -> str:
    """The fault of reading a file: a traceback, or a message that is too long; empty if there is none."""
    try:
        said = group(read(kind, content, folder))
    except PerceptionError as error:
        said = [shortened(str(error))]
    except Exception:  # noqa: BLE001 - any other exception is what this looks for
        return traceback.format_exc()
    longest = max(map(len, said), default=0)
    return f"a message of {longest} characters: {said[0][:200]}" if longest > _LONGEST else ""


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
