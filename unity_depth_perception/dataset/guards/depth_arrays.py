"""Guarded reading of depth arrays that other programs wrote: .npy and OpenEXR, the headers checked first.

OpenEXR's scan-line images without compression, or with RLE, ZIPS or ZIP, are decoded here: the decoder in OpenCV is of
2018 and crashes on damaged files. Others (PIZ, tiles, ...) go to OpenCV in a process of their own.
Format: https://openexr.com/en/latest/OpenEXRFileLayout.html
"""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.errors import DatasetError
from unity_depth_perception.core.files.json_file import read_regular_file
from unity_depth_perception.dataset.guards.images import MAX_PIXELS, content_name

_EXR = b"\x76\x2f\x31\x01"
_MAX_BYTES = 1 << 30
_LINES = {0: 1, 1: 1, 2: 1, 3: 16}  # of a chunk, by compression: none, RLE, ZIPS, ZIP
_TYPES = (np.dtype("<u4"), np.dtype("<f2"), np.dtype("<f4"))
_OTHER_SECONDS = 60
_DECODE = """
import sys, numpy, cv2
image = cv2.imread(sys.argv[1], cv2.IMREAD_ANYCOLOR | cv2.IMREAD_ANYDEPTH)
numpy.save(sys.stdout.buffer, (image if image.ndim == 2 else image[..., -1]).astype(numpy.float32))
"""  # OpenCV's channel order is BGR: the last is R, where depth is


class _ExrHeader(NamedTuple):
    flags: int
    compression: int
    width: int
    height: int
    top: int
    channels: tuple[tuple[str, int], ...]  # name and index in _TYPES, in the order of the file
    end: int

    @property
    def is_simple(self) -> bool:
        """Whether the pixels can be decoded here: one part of scan lines, of a compression without surprises."""
        return not self.flags & 0x1A00 and self.compression in _LINES


def read_npy(path: Path) -> NDArray[np.generic]:
    """The array of a .npy file, memory-mapped; nothing is unpickled.

    Raises:
        DatasetError: the file is no such array, truncated, holds objects, or is larger than an image may be.
    """
    try:
        with path.open("rb") as file:
            shape, fortran, dtype = _npy_header(file)
            offset, size = file.tell(), os.fstat(file.fileno()).st_size
    except Exception as error:  # noqa: BLE001 - the header is a Python literal, and its parser raises anything
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DatasetError(f"{path}: expected an array written by numpy.save: {reason:.200}") from None
    count = int(np.prod([int(side) for side in shape], dtype=object)) if shape else 1
    if dtype.hasobject or count < 1 or count > MAX_PIXELS or offset + count * dtype.itemsize > size:
        raise DatasetError(
            f"{path}: expected an array of numbers written by numpy.save, got {shape!s:.60} {dtype!s:.40} in a "
            f"file of {size} bytes"
        )
    return np.memmap(path, dtype, "r", offset, shape, "F" if fortran else "C")


def _npy_header(file: object) -> tuple[tuple[int, ...], bool, np.dtype[np.generic]]:
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}
    version = np.lib.format.read_magic(file)  # type: ignore[no-untyped-call]
    if version not in read:
        raise ValueError(f"version {version} of the format")
    return read[version](file)  # type: ignore[no-any-return, no-untyped-call]


def read_exr(path: Path) -> NDArray[np.generic]:
    """The channel R (else Y or Z, or the only one) of an OpenEXR image, (H, W) in its own type.

    Raises:
        DatasetError: the file is no OpenEXR image, damaged, too large, or has no such channel.
    """
    data = read_regular_file(path, "an OpenEXR image", _MAX_BYTES, DatasetError)
    try:
        header = _exr_header(data)
        return _pixels(data, header) if header.is_simple else _decoded_elsewhere(path)
    except (struct.error, ValueError, IndexError, zlib.error, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: expected an OpenEXR image, but it is damaged: {error}") from None


def exr_size(path: Path) -> tuple[int, int]:
    """Width and height [px] from the header of an OpenEXR image; raises as `read_exr`."""
    data = read_regular_file(path, "an OpenEXR image", _MAX_BYTES, DatasetError)
    try:
        header = _exr_header(data)
    except (struct.error, ValueError, IndexError, UnicodeDecodeError) as error:
        raise DatasetError(f"{path}: expected an OpenEXR image, but it is damaged: {error}") from None
    return header.width, header.height


def _exr_header(data: bytes) -> _ExrHeader:
    if not data.startswith(_EXR):
        raise ValueError(f"it holds {content_name(data)}")
    (flags,) = struct.unpack_from("<I", data, 4)
    values, end = _attributes(data, 8)
    missing = [name for name in ("channels", "compression", "dataWindow") if name not in values]
    if missing:
        raise ValueError(f"its header has no {missing[0]}")
    left, top, right, bottom = struct.unpack("<4i", values["dataWindow"])
    width, height = right - left + 1, bottom - top + 1
    if width < 1 or height < 1 or width * height > MAX_PIXELS:
        raise ValueError(f"expected 1 to {MAX_PIXELS / 1e6:g} million pixels, got {width} x {height}")
    return _ExrHeader(flags, values["compression"][0], width, height, top, tuple(_channels(values["channels"])), end)


def _attributes(data: bytes, start: int) -> tuple[dict[str, bytes], int]:
    values: dict[str, bytes] = {}
    while data[start]:
        name, start = _text(data, start)
        _, start = _text(data, start)
        (size,) = struct.unpack_from("<I", data, start)
        values[name] = data[start + 4 : start + 4 + size]
        start += 4 + size
    return values, start + 1


def _text(data: bytes, start: int) -> tuple[str, int]:
    end = data.index(b"\0", start, start + 256)
    return data[start:end].decode(), end + 1


def _channels(value: bytes) -> Iterator[tuple[str, int]]:
    start = 0
    while value[start]:
        name, start = _text(value, start)
        kind, x_sampling, y_sampling = struct.unpack_from("<I4xII", value, start)
        if kind >= len(_TYPES) or (x_sampling, y_sampling) != (1, 1):
            raise ValueError(f"expected full channels of float, got channel {name} of type {kind}")
        yield name, kind
        start += 16


def _pixels(data: bytes, header: _ExrHeader) -> NDArray[np.generic]:
    names = [name for name, _ in header.channels]
    wanted = next((name for name in ("R", "Y", "Z") if name in names), names[0] if len(names) == 1 else None)
    if wanted is None:
        raise ValueError(f"expected the depth in a channel R, got the channels {', '.join(names)[:80]}")
    index = names.index(wanted)
    widths = [_TYPES[kind].itemsize * header.width for _, kind in header.channels]
    line, first = sum(widths), sum(widths[:index])
    rows = np.zeros((header.height, widths[index]), dtype=np.uint8)
    lines = _LINES[header.compression]
    chunks = -(-header.height // lines)
    for (offset,) in struct.iter_unpack("<Q", data[header.end : header.end + 8 * chunks]):
        if offset > len(data):
            raise ValueError(f"a block starts at byte {offset} of {len(data)}")
        y, size = struct.unpack_from("<iI", data, offset)
        y -= header.top
        if not 0 <= y < header.height:
            raise ValueError(f"a block starts at line {y}")
        count = min(lines, header.height - y)
        block = data[offset + 8 : offset + 8 + size]
        raw = np.frombuffer(_decompressed(block, line * count, header.compression), dtype=np.uint8)
        rows[y : y + count] = raw.reshape(count, line)[:, first : first + widths[index]]
    return rows.view(_TYPES[header.channels[index][1]])


def _decompressed(block: bytes, size: int, compression: int) -> bytes:
    if compression == 0 or len(block) == size:  # a block that compression would enlarge is stored as it is
        return block
    if compression == 1:
        coded = _run_lengths(block, size)
    else:
        coded = zlib.decompressobj().decompress(block, size)
    if len(coded) != size:
        raise ValueError(f"expected a block of {size} bytes, got {len(coded)}")
    differences = np.frombuffer(coded, dtype=np.uint8).copy()
    differences[1:] -= 128  # each byte is coded as its difference from the one before, plus 128
    halves = np.cumsum(differences, dtype=np.uint8)
    raw = np.empty(size, dtype=np.uint8)  # bytes at even places come first
    raw[0::2], raw[1::2] = halves[: (size + 1) // 2], halves[(size + 1) // 2 :]
    return raw.tobytes()


def _run_lengths(block: bytes, size: int) -> bytes:
    out, start = bytearray(), 0
    while start < len(block) and len(out) <= size:
        count = block[start] - 256 if block[start] > 127 else block[start]
        if count < 0:
            out += block[start + 1 : start + 1 - count]
            start += 1 - count
        else:
            out += block[start + 1 : start + 2] * (count + 1)
            start += 2
    return bytes(out)


def _decoded_elsewhere(path: Path) -> NDArray[np.generic]:
    """Decode with OpenCV in a process of its own, which may crash."""
    import io

    environment = {**os.environ, "OPENCV_IO_ENABLE_OPENEXR": "1"}
    command = [sys.executable, "-c", _DECODE, str(path.absolute())]
    try:
        done = subprocess.run(command, env=environment, capture_output=True, timeout=_OTHER_SECONDS, check=True)
        return np.asarray(np.load(io.BytesIO(done.stdout), allow_pickle=False))
    except (subprocess.SubprocessError, ValueError, EOFError):
        raise ValueError("OpenCV cannot decode it; write it with ZIP compression, or as .npy") from None
