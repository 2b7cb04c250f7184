"""Folder of the pipeline's results for several images.

results.json           objects of all images in the form of annotations.json, with the models and the cameras
<stem>_depth.npy       float32 metres, NaN invalid, +Inf sky
<stem>_depth.png       16-bit millimetres; 0 where depth is invalid or too far for 16 bits
<stem>_depth_colour.png, <stem>_overlay.png    pictures for people
<stem>.ply             coloured cloud, metres in the camera's optical frame (x right, y down, z forward)
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from unity_depth_perception.core.errors import ConfigurationError, InputError
from unity_depth_perception.dataset.annotations import VERSION
from unity_depth_perception.dataset.files import write_depth, write_image
from unity_depth_perception.export.pictures import depth_picture, overlay_picture
from unity_depth_perception.export.ply import write_ply
from unity_depth_perception.ops.geometry import back_project
from unity_depth_perception.ops.validity import exceeds_millimetres, is_valid
from unity_depth_perception.pipeline import PerceptionResult

RESULTS = "results.json"
# Suffixes after an image's stem, chosen so that different stems never give the same file name.
_DEPTH, _DEPTH_MM, _COLOUR, _OVERLAY, _CLOUD = "_depth.npy", "_depth.png", "_depth_colour.png", "_overlay.png", ".ply"
_SAVE_EVERY = 50  # images; a killed program loses at most this many entries of results.json


def make_folder(path: Path) -> None:
    """Make a folder for results; called before long computations, so that a bad path fails early.

    Raises:
        ConfigurationError: it cannot be made.
    """
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"{path}: cannot make the folder: {error.strerror}; choose another") from None


class ResultFolder:
    """Adds images to a folder of results. A context manager; an interruption keeps the images added so far."""

    def __init__(self, path: Path, images: Sequence[Path], *, overwrite: bool = False) -> None:
        """Make the folder, after checking that no result file of these images would replace another file.

        Raises:
            InputError: two images have the same stem.
            ConfigurationError: a file exists already and `overwrite` is False, or the folder cannot be made.
        """
        self.path = path
        self._entries: list[dict[str, Any]] = []
        self._models: dict[str, str] = {}
        _raise_if_stems_repeat(images)
        if not overwrite:
            self._raise_if_files_exist(images)
        make_folder(path)

    def __enter__(self) -> ResultFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._entries:
            self._save()

    def add(self, image: Path, result: PerceptionResult) -> int:
        """Write the files of one image; returns the number of valid pixels that are too far for the 16-bit png.

        Raises:
            ConfigurationError: a file cannot be written.
        """
        try:
            beyond_px = self._write_files(image.stem, result)
            self._models = {"depth_model": result.depth_model, "segmentation_model": result.segmentation_model}
            self._entries.append(_entry(image.name, result, beyond_px))
            if len(self._entries) % _SAVE_EVERY == 0:
                self._save()
        except OSError as error:
            raise ConfigurationError(f"{self.path}: cannot write the results: {error}; choose another folder") from None
        return beyond_px

    def _write_files(self, stem: str, result: PerceptionResult) -> int:
        depth_m, frame = result.depth.depth_m, result.frame
        host_depth_m = depth_m.cpu().numpy()
        write_depth(self._file(stem, _DEPTH), host_depth_m)
        write_depth(self._file(stem, _DEPTH_MM), host_depth_m)
        write_image(self._file(stem, _COLOUR), depth_picture(host_depth_m))
        instances = result.segmentation.instances.cpu().numpy()
        write_image(self._file(stem, _OVERLAY), overlay_picture(frame.rgb, instances, result.objects))
        write_ply(self._file(stem, _CLOUD), back_project(depth_m, frame.camera).cpu().numpy(), frame.rgb)
        return int(exceeds_millimetres(depth_m).sum())

    def _file(self, stem: str, suffix: str) -> Path:
        return self.path / f"{stem}{suffix}"

    def _raise_if_files_exist(self, images: Sequence[Path]) -> None:
        suffixes = (_DEPTH, _DEPTH_MM, _COLOUR, _OVERLAY, _CLOUD)
        files = [self.path / RESULTS, *(self._file(image.stem, suffix) for image in images for suffix in suffixes)]
        taken = next((file for file in files if file.exists()), None)
        if taken is not None:
            raise ConfigurationError(f"{taken}: exists already; choose another folder, or overwrite it (--overwrite)")

    def _save(self) -> None:
        """Write results.json whole or not at all."""
        draft = self.path / f".{RESULTS}.partial"
        content = {"version": VERSION, **self._models, "images": self._entries}
        draft.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")
        draft.replace(self.path / RESULTS)


def _entry(name: str, result: PerceptionResult, beyond_px: int) -> dict[str, Any]:
    """Entry of the image in results.json: as in annotations.json, with the camera and the coverage of the depth."""
    return {
        "image": name,
        "objects": [item.to_json() for item in result.objects],
        "camera_intrinsics": result.frame.camera.to_intrinsics(),
        "valid_ratio": float(is_valid(result.depth.depth_m).float().mean()),
        "beyond_png_px": beyond_px,
    }


def _raise_if_stems_repeat(images: Sequence[Path]) -> None:
    by_stem: defaultdict[str, list[Path]] = defaultdict(list)
    for image in images:
        by_stem[image.stem].append(image)
    equal = next((paths for paths in by_stem.values() if len(paths) > 1), None)
    if equal:
        raise InputError(
            f"expected images with different names, since their results go to one folder; got {equal[0]} and "
            f"{equal[1]}: rename one, or give each its own folder"
        )
