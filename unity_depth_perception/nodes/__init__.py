"""Executables: each connects models, a source of frames and parameters; the work is done in `ros` and `pipeline`."""

from __future__ import annotations

import os

# By default torch's CPU threads (GNU OpenMP) spin while they wait for each other. If a simulation uses the same cores,
# they spin while the thread they wait for is descheduled, and a frame takes ten times as long. torch reads the variable
# on import; a value set by the user stays: https://gcc.gnu.org/onlinedocs/libgomp/OMP_005fWAIT_005fPOLICY.html
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
