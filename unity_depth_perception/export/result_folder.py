"""Folder of the pipeline's results for several images.

results.json           objects of all images in the form of annotations.json, with the models and the cameras
<stem>_depth.npy       float32 metres, NaN invalid, +Inf sky
<stem>_depth.png       16-bit millimetres; 0 where depth is invalid or too far for 16 bits
<stem>_depth_colour.png, <stem>_overlay.png    pictures for people
<stem>.ply             coloured cloud, metres in the camera's optical frame (x right, y down, z forward)
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from unity_depth_perception.core.errors import ConfigurationError, InputError
from unity_depth_perception.core.files.atomic_file import write_json
from unity_depth_perception.core.files.json_file import read_json_object
from unity_depth_perception.core.files.output_folder import output_folder
from unity_depth_perception.dataset.annotations import VERSION
from unity_depth_perception.dataset.files import write_depth, write_image
from unity_depth_perception.export.overlay.picture import overlay_picture
from unity_depth_perception.export.pictures import depth_picture
from unity_depth_perception.export.ply import OPTICAL_COMMENTS, write_ply
from unity_depth_perception.ops.geometry import back_project
from unity_depth_perception.ops.validity import exceeds_millimetres, is_valid
from unity_depth_perception.pipeline import PerceptionResult

RESULTS = "results.json"
# Suffixes after an image's stem, chosen so that different stems never give the same file name.
_DEPTH, _DEPTH_MM, _COLOUR, _OVERLAY, _CLOUD = "_depth.npy", "_depth.png", "_depth_colour.png", "_overlay.png", ".ply"
_SUFFIXES = (_DEPTH, _DEPTH_MM, _COLOUR, _OVERLAY, _CLOUD)
_SAVE_EVERY = 50  # images; a killed program loses at most this many entries of results.json


class ResultFolder:
    """Adds images to a folder of results. A context manager; an interruption keeps the images added so far."""

    def __init__(self, path: Path, images: Sequence[Path], *, overwrite: bool = False) -> None:
        """Make the folder, after checking that no result file of these images would replace another file.

        Args:
            images: of which results may be added.
            overwrite: whether results of an earlier call may be replaced; those of other images stay.

        Raises:
            InputError: two images have the same stem.
            ConfigurationError: a file exists already, and `overwrite` is False or it is no result of an earlier call;
                or the folder cannot be made, or another process writes there.
        """
        self.path = path
        self._models: dict[str, str] = {}
        _raise_if_stems_repeat(images)
        names = [RESULTS, *(f"{image.stem}{suffix}" for image in images for suffix in _SUFFIXES)]
        self._open = contextlib.ExitStack()
        self._open.enter_context(output_folder(path, names, known=_is_result, replace=overwrite))
        self._earlier = _results(path)
        self._entries: dict[str, dict[str, Any]] = {}

    def __enter__(self) -> ResultFolder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            if self._entries:
                self._save()
        finally:
            self._open.close()

    def add(self, image: Path, result: PerceptionResult) -> int:
        """Write the files of one image; returns the number of valid pixels that are too far for the 16-bit png.

        Raises:
            ConfigurationError: a file cannot be written.
        """
        try:
            beyond_px = self._write_files(image.stem, result)
            self._models = {"depth_model": result.depth_model, "segmentation_model": result.segmentation_model}
            self._entries[image.name] = _entry(image.name, result, beyond_px)
            if len(self._entries) == 1 or len(self._entries) % _SAVE_EVERY == 0:
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
        points_m = back_project(depth_m, frame.camera).cpu().numpy()
        write_ply(self._file(stem, _CLOUD), points_m, frame.rgb, comments=OPTICAL_COMMENTS)
        return int(exceeds_millimetres(depth_m).sum())

    def _file(self, stem: str, suffix: str) -> Path:
        return self.path / f"{stem}{suffix}"

    def _save(self) -> None:
        """Write results.json whole or not at all."""
        kept: dict[str, Any] = {}
        if all(self._earlier.get(key) == value for key, value in self._models.items()):
            kept = {entry["image"]: entry for entry in self._earlier["images"]}
        images = list({**kept, **self._entries}.values())
        write_json(self.path / RESULTS, {"version": VERSION, **self._models, "images": images})


def _results(path: Path) -> dict[str, Any]:
    """Content of results.json in a folder; empty where there is none of this package."""
    try:
        content = read_json_object(path / RESULTS, "results of an earlier call")
    except InputError:
        return {}
    entries = content.get("images")
    named = isinstance(entries, list) and all(isinstance(e, dict) and isinstance(e.get("image"), str) for e in entries)
    return content if named and "depth_model" in content else {}


def _is_result(taken: Path) -> bool:
    """Whether version 0.1, which left no marker, wrote this file: results.json beside it lists its image."""
    entries = _results(taken.parent).get("images", [])
    stems = {Path(entry["image"]).stem for entry in entries}
    return taken.name in {RESULTS, *(f"{stem}{suffix}" for stem in stems for suffix in _SUFFIXES)} and bool(entries)


def _entry(name: str, result: PerceptionResult, beyond_px: int) -> dict[str, Any]:
    """Entry of the image in results.json: as in annotations.json, with the camera and the coverage of the depth."""
    return {
        "image": name,
        "objects": [item.to_json() for item in result.objects],
        "camera_intrinsics": result.frame.camera.to_intrinsics(),
        "scale_source": result.depth.scale_source,
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
