"""What the parts of benchmarks/gpu.py share: their options, the file that they add rows to, and timing on a device."""

from __future__ import annotations

import argparse
import json
import logging
import time
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.synthetic.samples import render_samples

SCENE_SEED = 900_000_000  # that of `unity-depth benchmark`


@dataclass(frozen=True)
class Part:
    """Options of a part, and its rows.

    Attributes:
        device: that is measured.
        quick: reduced networks, small images and few repetitions: a rehearsal on a CPU.
        rows: file of one JSON object per line; a part that is ended early keeps the rows that it has added.
        model: name of the model, for a part that measures one.
    """

    device: torch.device
    quick: bool
    rows: Path
    model: str = ""

    @property
    def is_gpu(self) -> bool:
        """Whether the device is a GPU."""
        return self.device.type == "cuda"

    def add(self, what: str, **values: Any) -> None:
        """Add a row of results."""
        row = {"what": what, **{name: _plain(value) for name, value in values.items()}}
        with self.rows.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")
        print(row, flush=True)

    def scene(self) -> Sample:
        """A virtual scene with its ground truth: 1024 x 1024 px, in the rehearsal 256 x 192."""
        width, height = (256, 192) if self.quick else (1024, 1024)
        (sample,) = render_samples([SCENE_SEED], width, height, device=self.device)
        return sample

    def synchronize(self) -> None:
        """Wait until the device has finished its work."""
        if self.is_gpu:
            torch.cuda.synchronize(self.device)


def read_options() -> Part:
    """Options of the command line; the random numbers of torch are seeded."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rows", type=Path, required=True)
    parser.add_argument("--model", default="")
    options = parser.parse_args()
    torch.manual_seed(0)
    return Part(torch.device(options.device), options.quick, options.rows, options.model)


def percentiles_ms(call: Callable[[], object], part: Part, count: int) -> dict[str, float]:
    """Median and 99th percentile [ms] of a call, until the device has finished, after two calls to warm up."""
    times_s = []
    for turn in range(count + 2):
        part.synchronize()
        start_s = time.perf_counter()
        call()
        part.synchronize()
        if turn >= 2:
            times_s.append(time.perf_counter() - start_s)
    p50, p99 = np.percentile(times_s, (50, 99)) * 1e3
    return {"p50_ms": float(p50), "p99_ms": float(p99)}


@contextmanager
def collected_warnings() -> Iterator[list[str]]:
    """Messages that the package logs as warnings in a block, such as an acceleration that failed."""
    messages: list[str] = []

    class Collector(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            messages.append(record.getMessage())

    logger, handler = logging.getLogger("unity_depth_perception"), Collector(logging.WARNING)
    logger.addHandler(handler)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield messages
    finally:
        logger.removeHandler(handler)


def _plain(value: Any) -> Any:
    """A number of at most four significant digits for JSON; other values as they are."""
    if isinstance(value, float | np.floating):
        return float(f"{value:.4g}")
    return value
