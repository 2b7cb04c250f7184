"""Part of benchmarks/gpu.py: rendering of virtual scenes on the device, and on the CPU beside it."""

from __future__ import annotations

import time

import torch
from part import Part, read_options

from unity_depth_perception.synthetic.random_scene import random_scene
from unity_depth_perception.synthetic.render import render

_SEED = 910_000_000


def main() -> None:
    """Render batches of scenes of two sizes."""
    part = read_options()
    batches = ((64, 48, 2),) if part.quick else ((384, 384, 32), (1024, 1024, 4))
    for width, height, count in batches:
        for device in {part.device, torch.device("cpu")} if part.is_gpu else {part.device}:
            _measure(part, device, width, height, count if device.type == "cuda" or part.quick else 2)


def _measure(part: Part, device: torch.device, width: int, height: int, count: int) -> None:
    """Rate of a second batch; the first warms up."""
    seconds = 0.0
    for turn in range(2):
        scenes = [random_scene(_SEED + turn * count + k, width, height) for k in range(count)]
        part.synchronize()
        start_s = time.perf_counter()
        image = render(scenes, device).image.cpu()
        seconds = time.perf_counter() - start_s
    part.add(f"{width} x {height} on {device}", scenes_per_s=count / seconds, mean_grey=float(image.float().mean()))


if __name__ == "__main__":
    main()
