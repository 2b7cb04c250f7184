"""Collect what a GPU machine without a network may lack as wheels: `python benchmarks/gpu_wheels.py [FOLDER]`.

The wheels are for CPython 3.12 on x86-64 Linux. benchmarks/gpu.py installs them before it starts. torch, torchvision,
transformers, NumPy, OpenCV and other large libraries are expected there.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[1]
_WANTED = ("addict", "depth-anything-3", "omegaconf", "plyfile", "pycocotools", "rosbags", "einops", "rich", "typer")
_MOST_MIB = 64
_PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64")


def main() -> None:
    """Download the wheels at the versions of requirements.txt; print their sizes."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else _ROOT / "build" / "gpu_wheels")
    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.whl"):
        old.unlink()
    options = ["--no-deps", "--only-binary=:all:", "--implementation=cp", "--python-version=3.12", "-d", str(folder)]
    options += [f"--platform={platform}" for platform in _PLATFORMS]
    subprocess.run([sys.executable, "-m", "pip", "download", "-q", *options, *_pinned()], check=True)
    sizes = {path.name: path.stat().st_size / 2**20 for path in sorted(folder.glob("*.whl"))}
    for name, mib in sizes.items():
        print(f"{mib:7.2f} MiB  {name}")
    total = sum(sizes.values())
    print(f"{total:7.2f} MiB in all: {folder}")
    if total > _MOST_MIB:
        sys.exit(f"expected at most {_MOST_MIB} MiB of wheels, got {total:.1f}; take one out of _WANTED")


def _pinned() -> list[str]:
    """The wanted packages at the versions that this repository was tested with."""
    text = "\n".join(
        (_ROOT / name).read_text(encoding="utf-8") for name in ("requirements.txt", "requirements-no-deps.txt")
    )
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)", text, flags=re.MULTILINE))
    return [f"{name}=={pins[name]}" for name in _WANTED]


if __name__ == "__main__":
    main()
