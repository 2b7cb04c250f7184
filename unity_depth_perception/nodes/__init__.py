"""Executables: wiring only. What they do lives in `ros` (conversions, parameters) and in `pipeline`."""

from __future__ import annotations

import os

# torch's threads on a CPU (GNU OpenMP) wait for each other by spinning. Beside a simulation that wants the same
# processors, one that is not running is waited for that way: a frame then takes ten times as long. Read on torch's
# import; who sets it otherwise is heard: https://gcc.gnu.org/onlinedocs/libgomp/OMP_005fWAIT_005fPOLICY.html
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
