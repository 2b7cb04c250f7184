"""Which engine runs a network: those that give torch's result, and their times."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor

from unity_depth_perception.models.engine.sessions import Session, open_session

TOLERANCE = 1e-4
"""Largest difference from torch that an output may have, relative to the output's largest absolute value."""
_TIMED_CALLS = 5
_LOG = logging.getLogger(__name__)


def agreeing_sessions(
    engines: Sequence[str], model: Path, inputs: Sequence[Tensor], expected: Sequence[Tensor], name: str
) -> dict[str, Session]:
    """Sessions by engine that give the expected outputs; one that does not, or cannot be opened, is logged.

    Args:
        engines: names of engines.
        model: ONNX file.
        inputs: of the network, all on one device.
        expected: outputs of torch.
        name: of the network in the log.
    """
    sessions: dict[str, Session] = {}
    for engine in engines:
        try:
            session = open_session(engine, model, inputs[0].device, torch.get_num_threads())
            difference = relative_difference(session(inputs), expected)
        except Exception as error:  # noqa: BLE001 - engines raise anything
            first = (str(error).splitlines() or [""])[0]
            _LOG.warning("%s cannot run %s (%s: %s)", engine, name, type(error).__name__, first)
            continue
        if difference <= TOLERANCE:
            sessions[engine] = session
        else:
            _LOG.warning("%s is not used for %s: its result differs from torch by %.1g", engine, name, difference)
    return sessions


def relative_difference(outputs: Sequence[Tensor], expected: Sequence[Tensor]) -> float:
    """Largest absolute difference of any output, over the largest absolute value expected of it; NaN if any is."""
    worst = torch.zeros(())
    for output, right in zip(outputs, expected, strict=True):
        difference = (output - right).abs().max() / right.abs().max().clamp(min=torch.finfo(right.dtype).tiny)
        worst = torch.maximum(worst, difference.cpu())
    return float(worst)


def measure_times(calls: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Least of several times [s] of each call, in alternation, so that other load on the machine affects all alike."""
    times_s: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(_TIMED_CALLS):
        for name, call in calls.items():
            start_s = time.perf_counter()
            call()
            times_s[name].append(time.perf_counter() - start_s)
    return {name: min(values) for name, values in times_s.items()}
