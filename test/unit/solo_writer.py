"""A writer of SOLO folders as com.unity.perception writes them, for tests."""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from unity_depth_perception.core.pose import pose_from_matrix
from unity_depth_perception.dataset.sample import Sample

_Y_UP = np.array([[1.0, 0, 0], [0, 0, 1], [0, 1, 0]])
_PREFIX = "type.unity.com/unity.solo."


def colour_of(number: int) -> list[int]:
    """Colour of the instance with a number from 1 on."""
    return [37 * number % 256, 255 - number, 91 * number % 256, 255]


def write_solo(folder: Path, samples: Iterable[Sample]) -> Path:
    """Write samples as sequence.N/step0.frame_data.json with their images."""
    for k, sample in enumerate(samples):
        sequence = folder / f"sequence.{k}"
        sequence.mkdir(parents=True)
        Image.fromarray(sample.image).save(sequence / "step0.camera.png")
        frame = {"frame": k, "sequence": k, "step": 0, "captures": [capture(sample, sequence)], "metrics": []}
        (sequence / "step0.frame_data.json").write_text(json.dumps(frame), encoding="utf-8")
    (folder / "metadata.json").write_text('{"unityVersion": "2021.3"}', encoding="utf-8")
    return folder


def capture(sample: Sample, sequence: Path) -> dict[str, Any]:
    """The capture of a camera, whose depth and masks are written to `sequence`."""
    camera, width, height = sample.camera, sample.camera.width, sample.camera.height
    matrix = [
        [2 * camera.fx / width, 0, 1 - 2 * (camera.cx + 0.5) / width],
        [0, 2 * camera.fy / height, 2 * (camera.cy + 0.5) / height - 1],
        [0, 0, -1.0006],
    ]
    entry: dict[str, Any] = {
        "@type": f"{_PREFIX}RGBCamera",
        "id": "camera",
        "filename": "step0.camera.png",
        "imageFormat": "Png",
        "dimension": [float(width), float(height)],
        "projection": "Perspective",
        "matrix": [value for row in matrix for value in row],
        "annotations": annotations(sample, sequence),
    }
    if sample.world_from_camera is not None:
        unity = np.eye(4)
        unity[:3, :3] = _Y_UP @ sample.world_from_camera[:3, :3] @ np.diag([1.0, -1.0, 1.0])
        unity[:3, 3] = _Y_UP @ sample.world_from_camera[:3, 3]
        entry["position"], entry["rotation"] = pose_from_matrix(unity)
    return entry


def annotations(sample: Sample, sequence: Path) -> list[dict[str, Any]]:
    """Instance and semantic segmentation, boxes and depth of a sample."""
    assert sample.instances is not None
    colours = np.zeros((*sample.instances.shape, 4), dtype=np.uint8)
    colours[..., 3] = 255
    instances, boxes = [], []
    for number, item in enumerate(sample.objects, start=1):
        colours[sample.instances == item.id + 1] = colour_of(number)
        labels = {"instanceId": 100 + number, "labelId": 1, "labelName": item.category}
        instances.append(labels | {"color": colour_of(number)})
        x_min, y_min, x_max, y_max = item.bbox
        boxes.append(labels | {"origin": [x_min, y_min], "dimension": [x_max - x_min, y_max - y_min]})
    Image.fromarray(colours).save(sequence / "step0.instance.png")
    found = [
        {"@type": f"{_PREFIX}InstanceSegmentationAnnotation", "filename": "step0.instance.png", "instances": instances},
        {"@type": f"{_PREFIX}SemanticSegmentationAnnotation", "filename": "step0.instance.png", "instances": []},
        {"@type": f"{_PREFIX}BoundingBox2DAnnotation", "values": boxes},
    ]
    if sample.depth_m is not None:
        write_exr(sequence / "step0.depth.exr", np.nan_to_num(sample.depth_m, nan=0.0))
        found.append(
            {"@type": f"{_PREFIX}DepthAnnotation", "measurementStrategy": "Depth", "filename": "step0.depth.exr"}
        )
    return found


def write_exr(path: Path, depth_m: np.ndarray) -> None:
    """Write depth (H, W) [m] to R of a float EXR, as Unity's EncodeToEXR; B and G are 0."""
    path.write_bytes(exr_bytes(depth_m))


def exr_bytes(depth_m: np.ndarray, compression: int = 0) -> bytes:
    """An EXR with depth (H, W) in R, 0 in B and G; without compression (0) or with ZIP (3)."""
    height, width = depth_m.shape
    box = np.array([0, 0, width - 1, height - 1], "<i4").tobytes()
    channel = np.array([2, 0, 1, 1], "<u4").tobytes()
    attributes = {
        "channels chlist": b"".join(name + b"\0" + channel for name in (b"B", b"G", b"R")) + b"\0",
        "compression compression": bytes([compression]),
        "dataWindow box2i": box,
        "displayWindow box2i": box,
        "lineOrder lineOrder": b"\0",
        "pixelAspectRatio float": np.float32(1).tobytes(),
        "screenWindowCenter v2f": bytes(8),
        "screenWindowWidth float": np.float32(1).tobytes(),
    }
    header = b"\x76\x2f\x31\x01\x02\0\0\0"
    for name, value in attributes.items():
        header += b"".join(part.encode() + b"\0" for part in name.split()) + len(value).to_bytes(4, "little") + value
    header += b"\0"
    lines = np.zeros((height, 12 * width), dtype=np.uint8)
    lines[:, 8 * width :] = np.ascontiguousarray(depth_m.astype("<f4")).view(np.uint8)
    step = 16 if compression else 1
    blocks = []
    for y in range(0, height, step):
        block = lines[y : y + step].tobytes()
        block = _zip(block) if compression else block
        blocks.append(y.to_bytes(4, "little") + len(block).to_bytes(4, "little") + block)
    starts = np.cumsum([len(header) + 8 * len(blocks), *map(len, blocks[:-1])]).astype("<u8")
    return header + starts.tobytes() + b"".join(blocks)


def _zip(block: bytes) -> bytes:
    """ZIP of OpenEXR: bytes at even places first, each as its difference from the one before, plus 128."""
    raw = np.frombuffer(block, dtype=np.uint8)
    halves = np.concatenate([raw[0::2], raw[1::2]])
    differences = halves.copy()
    differences[1:] = halves[1:] - halves[:-1] + 128
    return zlib.compress(differences.tobytes())


def link_pipe(path: Path) -> None:
    """Put a pipe where a file was."""
    path.unlink()
    os.mkfifo(path)
