"""Seeded generator of hostile files: each seed is one file that a reader must take or refuse in one sentence.

Valid files are changed as files break (cut, flipped bits, zeroed or repeated parts), and as somebody would break them
(sizes, counts, nesting, names that lead elsewhere, checksums that fit).
"""

from __future__ import annotations

import copy
import functools
import io
import json
import pickle
import struct
import zlib
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import torch
from PIL import Image
from safetensors.torch import save
from solo_writer import exr_bytes

Rng = np.random.Generator

NASTY: tuple[Any, ...] = (
    *(None, True, "", "x" * 100_000, [], {}, [[]], -1, 0, 1e308, 10**25, 2**31, 2**63, 1.5, "1", "1.0", float("nan")),
    *(
        "../../secret.png",
        "/dev/zero",
        "/etc/hostname",
        "a\0b",
        "\ud800",
        "pipe",
        "link.png",
        "C:\\x\\00000.png",
        "[/x]",
    ),
    *(
        {"x": 1, "y": 2, "z": 3},
        [1, 2, 3, 4],
        [0, 0, 0, 0],
        [10**400] * 3,
        "488,855",
        {"size": [3, 7], "counts": "PPYo0"},
    ),
)
_IMAGE = np.random.default_rng(0).integers(0, 255, (24, 32, 3), dtype=np.uint8)
_CAMERA = {"fov_vertical": 60.0, "width": 32, "height": 24, "focal_length_x": 30.0, "focal_length_y": 30.0}
_CAMERA |= {"principal_point_x": 16.0, "principal_point_y": 12.0, "pixel_origin": "image_corner"}
_OBJECT = {"id": 0, "category": "red_cube", "bbox": [4, 4, 12, 12], "parent_id": None, "position": [0, 0, 1]}
_OBJECT |= {"distance": {"center": 1.0, "mean": 1.0, "median": 1.0, "min": 0.9, "max": 1.1}, "score": 1, "range": 1}
_POSE = {"position": [0, 0, 1], "orientation": [0.7, 0, 0, 0.7]}
_ANNOTATIONS = {"version": 1, "categories": ["red_cube"]}
_ANNOTATIONS["images"] = [{"image": "00000.png", "objects": [_OBJECT], "camera_pose": _POSE}]
_SQUARE = [4, 4, 12, 4, 12, 12, 4, 12]
_COCO = {
    "images": [{"id": 1, "file_name": "00000.png", "width": 32, "height": 24}],
    "categories": [{"id": 1, "name": "cup", "supercategory": "all"}, {"id": 2, "name": "all"}],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 1, "segmentation": [_SQUARE], "bbox": [4, 4, 8, 8], "iscrowd": 0},
        {"id": 2, "image_id": 1, "category_id": 1, "segmentation": {"size": [24, 32], "counts": [100, 20, 648]}},
        {"id": 3, "image_id": 1, "category_id": 2, "segmentation": {"size": [24, 32], "counts": "T3d0T1"}},
    ],
}
_COLOURS = {"instanceId": 1, "labelName": "cup", "color": [10, 20, 30, 255]}
_SOLO = {
    "captures": [
        {
            **{"@type": "x.RGBCamera", "id": "camera", "filename": "00000.png", "dimension": [32, 24]},
            **{"matrix": [2, 0, 0, 0, 2, 0, 0, 0, -1], "position": [0, 1, 0], "rotation": [0, 0, 0, 1]},
            "annotations": [
                {"@type": "x.InstanceSegmentationAnnotation", "filename": "masks.png", "instances": [_COLOURS]},
                {"@type": "x.DepthAnnotation", "filename": "depth.exr"},
            ],
        }
    ]
}


def hostile_file(seed: int) -> tuple[str, bytes]:
    """Kind of reader (a key of KINDS) and content of the file of a seed."""
    rng = np.random.default_rng([21, seed])
    kind = list(KINDS)[seed % len(KINDS)]
    return kind, KINDS[kind](rng)


def _json(base: dict[str, Any], rng: Rng) -> bytes:
    data = json.loads(json.dumps(base))
    for _ in range(rng.integers(1, 4)):
        _change_value(data, rng)
    text = json.dumps(data, ensure_ascii=bool(rng.integers(2)))
    way = rng.integers(10)
    if way == 0:
        text = text.replace("1", "1" * int(rng.choice([400, 5000])), 1)
    elif way == 1:
        place = int(rng.integers(len(text)))
        text = text[:place] + str(rng.choice(["[", '{"a":'])) * 100_000 + text[place:]
    elif way == 2:
        text = text.replace(".0", ",0")
    encoding = str(rng.choice(["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "utf-8"]))
    content = text.encode(encoding, errors="surrogatepass")
    return _damaged(content, rng) if rng.integers(4) == 0 else content


def _change_value(data: Any, rng: Rng) -> None:
    """Replace, remove or repeat one value somewhere in nested lists and objects."""
    while True:
        keys = list(data) if isinstance(data, dict) else list(range(len(data)))
        if not keys:
            return
        key = keys[int(rng.integers(len(keys)))]
        inner = data[key]
        if isinstance(inner, dict | list) and inner and rng.random() < 0.8:
            data = inner
            continue
        way = rng.integers(6)
        if way == 0:
            del data[key]
        elif way == 1 and isinstance(data, list):
            data += [inner] * int(rng.choice([1, 50]))
        else:
            data[key] = copy.deepcopy(NASTY[int(rng.integers(len(NASTY)))])
        return


def _damaged(content: bytes, rng: Rng) -> bytes:
    """Cut, flip, zero or repeat parts of a file."""
    data = bytearray(content)
    for _ in range(rng.integers(1, 6)):
        if not data:
            break
        start = int(rng.integers(len(data)))
        end = min(len(data), start + int(rng.integers(1, 2 + len(data) // 4)))
        way = rng.integers(6)
        if way == 0:
            del data[start:]
        elif way == 1:
            data[start:end] = bytes(end - start)
        elif way == 2:
            data[start:start] = data[start:end]
        elif way == 3 and len(data) > start + 4:
            data[start : start + 4] = struct.pack("<I", int(rng.choice([0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 0x10000])))
        else:
            data[start] ^= 1 << int(rng.integers(8))
    return bytes(data)


def _png(rng: Rng) -> bytes:
    """A PNG of which chunks are changed, with checksums that fit."""
    data = _encoded(str(rng.choice(["rgb.png", "grey16.png", "palette.png", "animated.png"])))
    if rng.integers(3) == 0:
        return _damaged(data, rng)
    chunks, start = [], 8
    while start < len(data):
        (length,) = struct.unpack_from(">I", data, start)
        chunks.append((data[start + 4 : start + 8], data[start + 8 : start + 8 + length]))
        start += 12 + length
    for _ in range(rng.integers(1, 4)):
        index = int(rng.integers(len(chunks)))
        kind, content = chunks[index]
        way = rng.integers(5)
        if way == 0:
            del chunks[index]
        elif way == 1:
            chunks.insert(index, chunks[int(rng.integers(len(chunks)))])
        elif way == 2 and kind == b"IHDR":
            width, height = (int(v) for v in rng.choice([0, 1, 7, 40_000, 2**31 - 1], 2))
            content = struct.pack(">II", width, height) + content[8:]
            chunks[index] = (kind, content)
        else:
            chunks[index] = (kind, _damaged(content, rng))
        if not chunks:
            break
    written = [struct.pack(">I", len(c)) + k + c + struct.pack(">I", zlib.crc32(k + c)) for k, c in chunks]
    return data[:8] + b"".join(written)


@functools.cache
def _encoded(name: str) -> bytes:
    buffer = io.BytesIO()
    if name == "animated.png":
        frames = [Image.fromarray(np.roll(_IMAGE, k, 0)) for k in range(3)]
        frames[0].save(buffer, "PNG", save_all=True, append_images=frames[1:], duration=50)
    elif name == "palette.png":
        Image.fromarray(_IMAGE).quantize(17).save(buffer, "PNG")
    elif name == "exif.jpg":
        image = Image.fromarray(_IMAGE)
        exif = image.getexif()
        exif[0x0112] = 6
        image.save(buffer, "JPEG", exif=exif, progressive=True)
    elif name == "grey16.png":
        return bytes(cv2.imencode(".png", _IMAGE[..., 0].astype(np.uint16) * 7)[1])
    else:
        return bytes(cv2.imencode(f".{name.rpartition('.')[2]}", _IMAGE)[1])
    return buffer.getvalue()


def _picture(rng: Rng) -> bytes:
    return _damaged(_encoded(str(rng.choice(["exif.jpg", "rgb.jpg", "rgb.webp", "rgb.bmp"]))), rng)


def _npy(rng: Rng) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.random.default_rng(0).random((24, 32)).astype(rng.choice(["f2", "f4", "f8", "i4", "c8"])))
    data = buffer.getvalue()
    if rng.integers(2):
        return _damaged(data, rng)
    shape = str(
        rng.choice(["(10**9,)", "(4000000000, 4000000000)", "(-1, 5)", "(24, 32, 0)", "(" * 90, "[24]", "None"])
    )
    descr = str(rng.choice(["<f4", "|O", "<f16", "<U999999999", "V8", "[('a', '<f4')]"]))
    header = f"{{'descr': '{descr}', 'fortran_order': {rng.choice(['True', '0', '1/0'])}, 'shape': {shape}}}".encode()
    return (
        b"\x93NUMPY" + bytes([int(rng.choice([1, 2, 3, 9])), 0]) + struct.pack("<H", len(header)) + header + data[128:]
    )


def _exr(rng: Rng) -> bytes:
    depth = np.random.default_rng(0).random((24, 32)).astype(np.float32)
    data = exr_bytes(depth, compression=int(rng.choice([0, 3])))
    if rng.integers(3) == 0:  # in the header alone: sizes, counts, compression
        return _damaged(data[:330], rng) + data[330:]
    return _damaged(data, rng)


def _weights(rng: Rng) -> bytes:
    state = {"a.weight": torch.arange(64.0).reshape(8, 8), "b": torch.ones(3)}
    way = rng.integers(4)
    if way == 0:
        header = json.dumps(
            {"a": {"dtype": "F32", "shape": [int(rng.choice([-1, 2**40, 8]))], "data_offsets": [0, 32]}}
        )
        size = int(rng.choice([len(header), 2**40, 2**63, 0]))
        return struct.pack("<Q", size) + header.encode() + bytes(int(rng.choice([0, 32, 99])))
    if way == 1:
        return _damaged(save(state, metadata={"unity_depth_perception": '{"kind": "compact-depth"}'}), rng)
    buffer = io.BytesIO()
    torch.save(
        {"model": state, "epoch": 3} if way == 2 else _Trap(),
        buffer,
        _use_new_zipfile_serialization=bool(rng.integers(2)),
    )
    return _damaged(buffer.getvalue(), rng) if rng.integers(4) else buffer.getvalue()


class _Trap:
    """Whoever unpickles it ends the process."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return exec, ("import os; os._exit(66)",)


def _pickle(rng: Rng) -> bytes:
    return _damaged(pickle.dumps({"a": [_Trap()], "b": "x" * 50}, protocol=int(rng.integers(2, 6))), rng)


KINDS: dict[str, Callable[[Rng], bytes]] = {
    "camera.json": functools.partial(_json, _CAMERA),
    "annotations.json": functools.partial(_json, _ANNOTATIONS),
    "coco.json": functools.partial(_json, _COCO),
    "solo.json": functools.partial(_json, _SOLO),
    "image.png": _png,
    "mask.png": _png,
    "picture": _picture,
    "depth.npy": _npy,
    "depth.exr": _exr,
    "weights.safetensors": _weights,
    "weights.pth": lambda rng: _weights(rng) if rng.integers(2) else _pickle(rng),
}
