"""Executables: each connects models, a source of frames and parameters; the work is done in `ros` and `pipeline`."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

# By default torch's CPU threads (GNU OpenMP) spin while they wait for each other. If a simulation uses the same cores,
# they spin while the thread they wait for is descheduled, and a frame takes ten times as long. torch reads the variable
# on import; a value set by the user stays: https://gcc.gnu.org/onlinedocs/libgomp/OMP_005fWAIT_005fPOLICY.html
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Importing torch takes seconds: Ctrl-C and SIGTERM end a node quietly then, too. `run_node` sets its own handlers.
if sys.argv[0] == "-m" or Path(sys.argv[0]).parent.name == "unity_depth_perception":
    for _number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(_number, lambda *_: os._exit(0))
