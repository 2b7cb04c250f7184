"""Captures in the frames of a SOLO folder: their JSON, checked, in order."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from unity_depth_perception.core.errors import DatasetError, shown
from unity_depth_perception.core.files.json_file import read_json_object
from unity_depth_perception.dataset.guards.paths import inside

_CAMERA = "RGBCamera"
INSTANCES, BOXES, DEPTH = "InstanceSegmentationAnnotation", "BoundingBox2D", "Depth"
Entry = dict[str, Any]


def read_captures(path: Path) -> tuple[list[tuple[str, str, Entry]], list[str]]:
    """Name, folder and JSON of each capture of an RGB camera, and problems."""
    found: list[tuple[tuple[int, int, str], str, Entry]] = []
    problems: list[str] = []
    for file in path.glob("sequence.*/step*.frame_data.json"):
        where = f"{file.parent.name}/{file.name}"
        sequence, step = file.parent.name.partition(".")[2], file.name.removeprefix("step").partition(".")[0]
        try:
            captures = read_json_object(inside(path, where), "a SOLO frame", DatasetError).get("captures")
        except DatasetError as error:
            problems.append(str(error))
            continue
        if not (sequence.isdecimal() and step.isdecimal() and isinstance(captures, list)):
            problems.append(f"{where}: expected a frame sequence.N/stepM.frame_data.json with a list of captures")
            continue
        for capture in captures:
            if not (isinstance(capture, dict) and str(capture.get("@type", "")).endswith(_CAMERA)):
                continue
            if problem := _capture_problem(capture):
                problems.append(f"{where}: {problem}")
            else:
                found.append(((int(sequence), int(step), str(capture.get("id", ""))), file.parent.name, capture))
    found.sort(key=lambda item: item[0])
    single = len({sequence for (sequence, _, _), _, _ in found}) == len(found)
    return [(_name(key, single), folder, capture) for key, folder, capture in found], problems


def _name(key: tuple[int, int, str], single: bool) -> str:
    sequence, step, camera = key
    return f"{sequence:05d}.png" if single else f"{sequence:05d}_{step:05d}_{camera.replace('/', '_')}.png"


def _capture_problem(capture: Entry) -> str | None:
    dimension, annotations = capture.get("dimension"), capture.get("annotations", [])
    if not (isinstance(dimension, list) and len(dimension) == 2 and all(_is_side(side) for side in dimension)):
        return f"expected the dimension [width, height], got {shown(dimension)}"
    if not isinstance(annotations, list) or not all(isinstance(entry, dict) for entry in annotations):
        return f"expected a list of annotations, got {shown(annotations)}"
    with_files = [capture, *(annotation_of(capture, kind) or capture for kind in (INSTANCES, DEPTH))]
    if not all(isinstance(entry.get("filename"), str) for entry in with_files):
        return "expected the filename of the image, of its depth and of its masks"
    masks = annotation_of(capture, INSTANCES)
    listed = [] if masks is None else masks.get("instances", [])
    if not isinstance(listed, list) or not all(_is_instance(entry) for entry in listed):
        return f"expected instances with instanceId, labelName and color [r, g, b, a], got {shown(listed)}"
    return None


def _is_side(side: Any) -> bool:
    return isinstance(side, int | float) and 1 <= side <= 32_768 and side == int(side)


def _is_instance(entry: Any) -> bool:
    colour = entry.get("color") if isinstance(entry, dict) else None
    whole = isinstance(colour, list) and len(colour) == 4 and all(type(v) is int and 0 <= v < 256 for v in colour)
    return whole and isinstance(entry.get("labelName"), str) and bool(entry["labelName"])


def annotation_of(capture: Entry, kind: str) -> Entry | None:
    """The first annotation of a kind; `@type` ends in DepthAnnotation, InstanceSegmentationAnnotation, ..."""
    for entry in capture.get("annotations", []):
        name = str(entry.get("@type", "")).rpartition(".")[2]
        if name.removesuffix("Annotation") == kind.removesuffix("Annotation"):
            return entry  # type: ignore[no-any-return]
    return None


def instances_of(capture: Entry) -> list[tuple[tuple[int, ...], str, Any]]:
    """Colour, label and id of each instance."""
    masks = annotation_of(capture, INSTANCES)
    listed = [] if masks is None else masks.get("instances", [])
    return [(tuple(entry["color"]), entry["labelName"], entry.get("instanceId")) for entry in listed]
