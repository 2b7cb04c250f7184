"""Depth of a scene's views as an mp4 video (H.264), with one colour range for the whole video."""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import subprocess
from collections.abc import Iterable
from pathlib import Path

import imageio_ffmpeg
import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.core.files.atomic_file import replacing
from unity_depth_perception.export.colour_scale import ColourScale
from unity_depth_perception.export.pictures import depth_range
from unity_depth_perception.export.scene import Scene
from unity_depth_perception.export.text import Picture

_LEAST_RANGE = 1.01  # far over near


def write_depth_video(path: Path, scene: Scene, frames_per_s: float) -> None:
    """Write one frame for each view with depth: near bright, far dark, NaN grey, +Inf pale blue, a legend in metres.

    Raises:
        InputError: no view has depth, or their sizes differ.
        OSError: the video cannot be encoded.
    """
    depths = [view.depth_m for view in scene.views if view.depth_m is not None]
    if not depths:
        raise InputError("expected views with depth for a depth video, got none")
    if len({depth.shape for depth in depths}) > 1:
        raise InputError(f"expected views of one size for a video, got {sorted({depth.shape for depth in depths})}")
    near, far = depth_range(np.concatenate(depths))
    scale = ColourScale.of_depth(near, max(far, _LEAST_RANGE * near))
    comment = scene.frame_description() | {"quantity": "planar depth", "near": near, "far": far}
    write_video(path, (scale.with_bar(scale.paint(depth)) for depth in depths), frames_per_s, json.dumps(comment))


def write_video(path: Path, pictures: Iterable[Picture], frames_per_s: float, comment: str) -> None:
    """Encode pictures (H, W, 3) uint8 RGB of one size as H.264, whole or not at all.

    Raises:
        InputError: the frame rate is not above 0.
        OSError: ffmpeg fails; its message is part of the error's.
    """
    if not frames_per_s > 0:
        raise InputError(f"expected a frame rate above 0, got {frames_per_s}")
    frames = (_with_even_sides(picture) for picture in pictures)
    first = next(frames)
    with replacing(path, durable=False) as draft:
        process = subprocess.Popen(
            _command(first, frames_per_s, comment, Path(draft.name).absolute()),
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdin is not None  # for mypy: both are pipes
        assert process.stderr is not None
        try:
            with contextlib.suppress(BrokenPipeError):  # ffmpeg has ended: its message says why
                for frame in itertools.chain([first], frames):
                    process.stdin.write(frame.tobytes())
            with contextlib.suppress(BrokenPipeError):
                process.stdin.close()
            message = process.stderr.read()
            process.wait()
        finally:
            process.kill()
            process.wait()
        if process.returncode != 0:
            raise OSError(errno.EIO, f"ffmpeg: {message.decode(errors='replace').strip()[-300:]}")


def _command(first: Picture, frames_per_s: float, comment: str, path: Path) -> list[str]:
    height, width = first.shape[:2]
    source = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", f"{frames_per_s:g}", "-i", "-"]
    target = ["-c:v", "libx264", "-pix_fmt", "yuv420p", "-crf", "18", "-movflags", "+faststart"]
    metadata = ["-metadata", f"comment={comment}"]
    # An absolute path: ffmpeg would read a name with a colon as a protocol.
    return [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-y", *source, *target, *metadata, "-f", "mp4", str(path)]


def _with_even_sides(picture: Picture) -> NDArray[np.uint8]:
    """The picture with its last row and column repeated where H.264's half-size colours need even sides."""
    return np.pad(picture, ((0, picture.shape[0] % 2), (0, picture.shape[1] % 2), (0, 0)), mode="edge")
