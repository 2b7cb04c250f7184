"""A process that imports torch once; workers are forked from it and start in milliseconds."""

from __future__ import annotations

import multiprocessing
from multiprocessing import forkserver
from multiprocessing.context import ForkServerContext

_PRELOADED = "unity_depth_perception.evaluation.runs.worker"


def fork_server_context() -> ForkServerContext:
    """Return the context of processes that are forked from the server; started now unless it runs already.

    Started before the caller imports torch, it does so at the same time on another core. It never touches CUDA, so its
    children can; a fork of the caller could not.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([_PRELOADED])
    forkserver.ensure_running()
    return context
