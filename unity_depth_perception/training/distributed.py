"""Several processes that train one network together, as torchrun starts them; one process is the plain case.

    torchrun --nproc-per-node 4 -m unity_depth_perception.cli.main train-segmentation scenes --output runs/mine

Each draws batches of its own and DistributedDataParallel averages their gradients, so the weights stay the same in
all. The first one alone validates, prints and writes; on several machines the output folder must be a shared one.
"""

from __future__ import annotations

import contextlib
import gc
import os
from collections.abc import Iterator
from datetime import timedelta

import torch
from torch import distributed, nn

from unity_depth_perception.core.errors import PerceptionError

_PATIENCE = timedelta(hours=2)  # the others wait while the first reads a dataset or validation_images


def rank() -> int:
    """Number of this process, 0 for the first or only one."""
    return distributed.get_rank() if distributed.is_initialized() else 0


def count() -> int:
    """How many processes train together."""
    return distributed.get_world_size() if distributed.is_initialized() else 1


@contextlib.contextmanager
def joined(device: torch.device) -> Iterator[torch.device]:
    """Meet the other processes if torchrun started this one; gives the device of this process.

    Args:
        device: what all are to run on; of several GPUs each process takes the one of its local rank.
    """
    if "TORCHELASTIC_RUN_ID" not in os.environ:
        yield device
        return
    if device.type == "cuda":
        device = torch.device("cuda", int(os.environ["LOCAL_RANK"]))
        torch.cuda.set_device(device)
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo", timeout=_PATIENCE)
    try:
        yield device
    finally:
        gc.collect()  # a trained module in a cycle of references would take its connections down after Python has ended
        distributed.destroy_process_group()


@contextlib.contextmanager
def rank_zero_first() -> Iterator[None]:
    """The first process runs the block, then the others do, and find what it has left.

    Raises:
        PerceptionError: in the others, where the first one has failed.
    """
    if rank():
        try:
            distributed.barrier()
        except RuntimeError:  # whatever the back end makes of a lost connection
            raise PerceptionError(f"process {rank()} ends too: the first one has, and said why") from None
    yield
    if count() > 1 and not rank():
        distributed.barrier()


def data_parallel(module: nn.Module) -> nn.Module:
    """The module, its gradients averaged over the processes after each backward pass."""
    if count() == 1:
        return module
    return nn.parallel.DistributedDataParallel(module, find_unused_parameters=True)


def broadcast(value: float, device: torch.device) -> float:
    """The first process's value, in all of them."""
    if count() == 1:
        return value
    shared = torch.tensor(value, dtype=torch.float64, device=device)
    distributed.broadcast(shared, src=0)
    return float(shared)
