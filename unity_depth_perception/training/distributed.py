"""Training of one network by several processes, as torchrun starts them; a single process needs no process group.

    torchrun --nproc-per-node 4 -m unity_depth_perception.cli.main train-segmentation scenes --output runs/mine

Each process draws batches of its own and DistributedDataParallel averages their gradients, so the weights stay equal.
Rank 0 alone validates, prints and writes; on several machines the output folder must be a shared one.
"""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Iterator
from datetime import timedelta

import torch
import torch.distributed as dist
from torch import nn

from unity_depth_perception.core.errors import PerceptionError

_TIMEOUT = timedelta(hours=2)  # the others wait while rank 0 reads a dataset or validates


def rank() -> int:
    """Rank of this process; 0 without a process group."""
    return dist.get_rank() if dist.is_initialized() else 0


def world_size() -> int:
    """Number of processes; 1 without a process group."""
    return dist.get_world_size() if dist.is_initialized() else 1


@contextlib.contextmanager
def process_group(device: torch.device) -> Iterator[torch.device]:
    """Join the process group if torchrun started this process; yields the device of this process.

    Args:
        device: what all processes run on; of several GPUs each process takes that of its local rank.
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        yield device
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=_TIMEOUT)
    try:
        yield device
    finally:
        gc.collect()  # a trained module in a reference cycle would close its connections after Python has ended
        dist.destroy_process_group()


@contextlib.contextmanager
def rank_zero_first() -> Iterator[None]:
    """Run the block in rank 0 first, then in the other processes, which find the files that it has written.

    Raises:
        PerceptionError: in the other processes, if rank 0 has failed.
    """
    if rank():
        try:
            dist.barrier()
        except RuntimeError:  # what the back ends raise when the connection is lost
            raise PerceptionError(f"process {rank()} ends because process 0 failed; see its message") from None
    yield
    if world_size() > 1 and not rank():
        dist.barrier()


def data_parallel(module: nn.Module) -> nn.Module:
    """The module in DistributedDataParallel, or the module itself without a process group."""
    return nn.parallel.DistributedDataParallel(module, find_unused_parameters=True) if world_size() > 1 else module


def broadcast(value: float, device: torch.device) -> float:
    """Rank 0's value, in all processes."""
    if world_size() == 1:
        return value
    shared = torch.tensor(value, dtype=torch.float64, device=device)
    dist.broadcast(shared, src=0)
    return float(shared)
