"""Runs on a Ray cluster: the same as in processes of this machine, on more machines."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from unity_depth_perception.core.errors import ConfigurationError
from unity_depth_perception.evaluation.runs.plan import Run
from unity_depth_perception.evaluation.runs.worker import Outcome, Worker

LOCAL = "local"
"""Address of a cluster that is started on this machine, and ends with the call."""
_workers: dict[str, Worker] = {}  # of this process of the cluster, by device


def execute_on_ray(runs: Sequence[Run], address: str, device: str) -> Iterator[tuple[Run, Outcome]]:
    """Execute runs on a cluster, each with a GPU of its own where `device` is cuda; give each as it ends.

    All machines must see the sources and the output folder under the same paths.

    Raises:
        ConfigurationError: ray is not installed, or there is no cluster at this address.
    """
    ray = _connect(address)
    try:
        gpus = 1 if device.startswith("cuda") else 0
        task = ray.remote(num_cpus=runs[0].options.threads, num_gpus=gpus, max_retries=0)(_execute)
        pending = {task.remote(str(Path.cwd()), run, device): run for run in runs}
        while pending:
            (ended, *_), _ = ray.wait(list(pending), num_returns=1)
            run = pending.pop(ended)
            try:
                yield run, ray.get(ended)
            except ray.exceptions.RayError as error:
                reason = (str(error).strip() or type(error).__name__).splitlines()[0]
                yield run, Outcome(f"its process on the cluster ended: {reason}")
    finally:
        ray.shutdown()


def _connect(address: str) -> Any:
    try:
        import ray
    except ImportError:
        raise ConfigurationError("--ray: expected ray, which is not installed; install the extra [ray]") from None
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR"}
    if address == LOCAL:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        options |= {"include_dashboard": False, "_node_ip_address": "127.0.0.1"}
    try:
        ray.init(address, **options)
    except (ConnectionError, ValueError, RuntimeError) as error:
        raise ConfigurationError(f"--ray {address}: expected the address of a Ray cluster: {error}") from None
    return ray


def _execute(folder: str, run: Run, device: str) -> Outcome:
    """Execute a run in a process of the cluster, in the working directory of the caller."""
    os.chdir(folder)
    if device not in _workers:
        _workers[device] = Worker(device)
    return _workers[device].execute(run)
