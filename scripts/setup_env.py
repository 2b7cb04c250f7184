#!/usr/bin/env python3
"""`make setup`: from a Linux machine without ROS to a `.venv` with ROS 2 Jazzy, the models' libraries and our messages.

Each step runs once, and again only when its inputs change: a second run takes a second, and an interrupted run
continues where it stopped. The environment is self-contained: a sourced, apt-installed ROS 2 is excluded from the build
and from what the Makefile runs. Environment variables: PYTHON chooses the Python; TORCH=cpu or TORCH=auto takes PyTorch
from its own index, as built for no GPU or for this machine's (needs uv). uv installs where there is one, else pip.

Runs on the standard library of Python 3.8, so that it can look for the Python that the environment needs.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from setup_machine import SetupError, check_machine, check_place, clean_environment, python_for, remove_half_installed
from setup_progress import Progress, Stamps, Step, locked, run_logged

ROOT = Path(__file__).resolve().parent.parent

# Run by every Python of the environment when it starts: a sourced ROS names packages of another Python by PYTHONPATH.
_WITHOUT_FOREIGN_PACKAGES = (
    "import os, sys; sys.path[:] = [path for path in sys.path if not (path in os.environ.get('PYTHONPATH', '')"
    ".split(os.pathsep) and path.rstrip('/').endswith(('site-packages', 'dist-packages')) and "
    "not path.startswith(sys.prefix + os.sep))]"
)

# Run in a child process: imports that the package depends on.
_PROOF = """
import cv2, torch, torchvision, transformers, depth_anything_3.cfg, rclpy, rosbags
from rclpy.serialization import deserialize_message, serialize_message
from tf2_msgs.msg import TFMessage
from vision_msgs.msg import Detection2DArray
from unity_depth_perception.core import camera
from unity_depth_perception.msg import ObjectDistance, ObjectDistanceArray
message = ObjectDistanceArray(objects=[ObjectDistance(id=7)])
assert deserialize_message(serialize_message(message), ObjectDistanceArray).objects[0].id == 7
torchvision.ops.nms(torch.rand(3, 4), torch.rand(3), 0.5)
"""


class Setup:
    """Steps that build an environment at `venv`."""

    def __init__(self, venv: Path, python: dict[str, Any], torch: str = "") -> None:
        """`torch`: PyTorch's build, a value of uv's --torch-backend; empty: that of PyPI, for CUDA."""
        self.venv = venv
        self.torch = torch
        self.python = python
        self.log = venv / "setup" / "log.txt"
        self.stamps = Stamps(venv / "setup")
        self.environment = clean_environment(venv)
        version = ".".join(map(str, python["version"]))
        self.site_packages = venv / "lib" / f"python{version}" / "site-packages"
        self.steps = self._steps(version)
        self.progress = Progress(len(self.steps))

    def pending(self) -> list[Step]:
        """Steps that still have to run."""
        return [step for step in self.steps if not self.stamps.is_done(step)]

    def run(self) -> None:
        """Run the pending steps in order."""
        for step in self.steps:
            if self.stamps.is_done(step):
                self.progress.skip(step.title)
                continue
            self.stamps.forget(step)
            self.progress.start(step.title)
            try:
                step.action()
            except BaseException as error:
                self.progress.finish("interrupted" if isinstance(error, KeyboardInterrupt) else "FAILED")
                raise
            self.stamps.remember(step)
            self.progress.finish()

    def _steps(self, version: str) -> list[Step]:
        pins = ROOT / "constraints.txt"
        ros, runtime, no_deps, dev = (ROOT / f"requirements{suffix}.txt" for suffix in ("-ros", "", "-no-deps", "-dev"))
        mend = ROOT / "cmake" / "ros_wheels.cmake"
        package = [ROOT / name for name in ("package.xml", "CMakeLists.txt", "unity_depth_perception/__init__.py")]
        metadata = [ROOT / name for name in ("setup.cfg", "setup.py", "pyproject.toml")]
        return [
            Step("venv", f"Python {version} environment", self._make_venv, facts=[version, str(self.venv)]),
            Step("ros", "ROS 2 Jazzy wheels", lambda: self._install(100, "-r", str(ros)), [ros, pins]),
            *(
                Step(
                    folder.name,
                    f"Messages: {folder.name}",
                    partial(self._build_messages, folder),
                    [ros, mend, *folder.glob("*.*"), *folder.glob("msg/*.msg")],
                )
                for folder in (ROOT / "cmake" / "vision_msgs", ROOT / "cmake" / "tf2_msgs")
            ),
            Step(
                "messages",
                "Messages: unity_depth_perception",
                lambda: self._build_messages(ROOT),
                [ros, mend, *package, *ROOT.glob("cmake/*.in"), *ROOT.glob("msg/*.msg")],
            ),
            Step(
                "runtime",
                "PyTorch and libraries (3.3 GB to download)",
                lambda: self._install(3300, "-r", str(runtime)),
                [runtime, pins],
                [self.torch] if self.torch else [],
            ),
            Step("no_deps", "Depth Anything 3", lambda: self._install(1, "--no-deps", "-r", str(no_deps)), [no_deps]),
            Step("dev", "Development tools", lambda: self._install(160, "-r", str(dev)), [dev, pins]),
            Step("package", "unity-depth, from the source tree", self._link_package, metadata),
            Step(
                "proof",
                "Everything imports",
                self._prove,
                [ros, runtime, no_deps, dev, pins, *package, *ROOT.glob("msg/*.msg")],
            ),
        ]

    def _run(self, *command: str) -> None:
        run_logged(command, self.log, self.environment, self.progress)

    def _make_venv(self) -> None:
        config = self.venv / "pyvenv.cfg"
        version = ".".join(map(str, self.python["version"]))
        place = self.venv / "setup" / "place"
        moved = place.is_file() and place.read_text() != str(self.venv)
        if config.is_file() and (moved or f"version = {version}." not in config.read_text()):
            self._remove_venv()
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(str(self.venv))
        self._run(self.python["executable"], "-m", "venv", str(self.venv))

    def _remove_venv(self) -> None:
        """Remove the environment, but for the lock that this process holds in it.

        Raises:
            SetupError: the Python that makes the new environment is in the old one.
        """
        executable = Path(self.python["executable"])
        if self.venv.resolve() in executable.parents or self.venv in executable.parents:
            raise SetupError(
                f"the environment {self.venv} was moved or is of another Python, and {executable} in it cannot make a "
                "new one; name another Python: make setup PYTHON=/usr/bin/python3.12"
            )
        for path in self.venv.iterdir():
            if path.name != "setup":
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        for path in (self.venv / "setup").iterdir():
            if path.name not in ("lock", "log.txt"):
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def _install(self, megabytes: int, *requirements: str) -> None:
        """Install with uv where there is one, else (or where uv fails) with pip; `megabytes` are downloaded."""
        remove_half_installed(self.site_packages)
        uv = shutil.which("uv")
        uv_install = [uv, "pip", "install", "--python", str(self.venv / "bin" / "python")] if uv else []
        with_backend = [*uv_install, "--torch-backend", self.torch] if uv and self.torch else []
        if self.torch and not uv:
            self.progress.note(f"TORCH={self.torch} needs uv (pip install uv): PyTorch comes from PyPI")
        for command in filter(None, (with_backend, uv_install)):
            try:
                self._run(*command, "--constraint", str(ROOT / "constraints.txt"), *requirements)
                return
            except SetupError:
                after = f"TORCH={self.torch} has no effect" if command is with_backend else "pip goes on"
                self.progress.note(f"uv failed (see {self.log}): {after}")
        pip = (*self._pip_install, "--constraint", str(ROOT / "constraints.txt"), *requirements)
        run_logged(pip, self.log, self.environment, self.progress, megabytes)

    @property
    def _pip_install(self) -> list[str]:
        return [str(self.venv / "bin" / "python"), "-m", "pip", "install", "--disable-pip-version-check", "--no-input"]

    def _link_package(self) -> None:
        self._run(*self._pip_install, "--no-deps", "--no-build-isolation", "--editable", str(ROOT))
        (self.site_packages / "_unity_depth_paths.pth").write_text(_WITHOUT_FOREIGN_PACKAGES + "\n", encoding="utf-8")

    def _build_messages(self, source: Path) -> None:
        """Build an ament package from scratch and install it without its Python modules (component `python`)."""
        package = "unity_depth_perception" if source == ROOT else source.name
        build = self.venv / "setup" / "build" / package
        for leftover in (build, self.site_packages / package):
            shutil.rmtree(leftover, ignore_errors=True)
        cmake = str(self.venv / "bin" / "cmake")
        options = {
            "CMAKE_INSTALL_PREFIX": self.venv,
            "CMAKE_PREFIX_PATH": self.venv,
            "CMAKE_PROJECT_INCLUDE": ROOT / "cmake" / "ros_wheels.cmake",
            "Python3_EXECUTABLE": self.venv / "bin" / "python",
            "BUILD_TESTING": "OFF",
            "CMAKE_BUILD_TYPE": "Release",
        }
        self.environment["AMENT_PREFIX_PATH"] = str(self.venv)
        self._run(cmake, "-S", str(source), "-B", str(build), *(f"-D{key}={value}" for key, value in options.items()))
        self._run(cmake, "--build", str(build), "--parallel", str(os.cpu_count() or 1))
        self._run(cmake, "--install", str(build), "--component", "Unspecified")
        # pip would take the generator's metadata for an installed release of our package and remove the messages.
        for metadata in self.site_packages.glob(f"{package}-*.egg-info"):
            shutil.rmtree(metadata)

    def _prove(self) -> None:
        self._run(str(self.venv / "bin" / "python"), "-W", "ignore", "-c", _PROOF)


def torch_build(requested: str) -> str:
    """PyTorch's build that TORCH asks for.

    Raises:
        SetupError: it is neither empty nor cpu nor auto.
    """
    if requested not in ("", "cpu", "auto"):
        raise SetupError(f"expected TORCH=cpu (no GPU) or TORCH=auto (this machine's), got TORCH={requested}")
    return requested


def main(arguments: Sequence[str]) -> int:
    """Create or complete the environment at the path in `arguments` (default `.venv` in the repository)."""
    venv = Path(arguments[0]).absolute() if arguments else ROOT / ".venv"
    started = time.monotonic()
    try:
        for place in (ROOT, venv):
            check_place(place)
        setup = Setup(venv, python_for(venv, os.environ.get("PYTHON")), torch_build(os.environ.get("TORCH", "")))
        if not setup.pending():
            print(f"{venv} is up to date")
            return 0
        check_machine(setup.python, venv)
        with locked(venv / "setup" / "lock"):
            setup.run()
    except SetupError as error:
        print(f"\nsetup: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nsetup: interrupted; `make setup` goes on where it stopped", file=sys.stderr)
        return 130
    print(f"{venv} is ready after {time.monotonic() - started:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
