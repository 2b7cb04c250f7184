"""Card, driver, clocks and versions of this machine, as one line of JSON."""

from __future__ import annotations

import importlib.metadata
import json
import platform
import subprocess

import torch

_QUERY = "name,driver_version,clocks.sm,clocks.max.sm,clocks.mem,power.limit,temperature.gpu"
_PACKAGES = ("numpy", "torch", "torchvision", "transformers", "depth-anything-3")


def main() -> None:
    """Print it."""
    print(json.dumps({**_card(), **_versions()}))


def _card() -> dict[str, str]:
    """What torch sees and what nvidia-smi says; without a GPU the processor."""
    if not torch.cuda.is_available():
        model = platform.processor() or platform.machine()
        return {"device": f"CPU ({model}), {torch.get_num_threads()} threads: a rehearsal, not a measurement"}
    names = _QUERY.split(",")
    done = subprocess.run(
        ["nvidia-smi", f"--query-gpu={_QUERY}", "--format=csv,noheader"], capture_output=True, text=True, check=False
    )
    values = done.stdout.splitlines()[0].split(", ") if done.returncode == 0 and done.stdout else []
    return {"device": torch.cuda.get_device_name(), **dict(zip(names, values, strict=False))}


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "cuda": str(torch.version.cuda)}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = "missing"
    return found


if __name__ == "__main__":
    main()
