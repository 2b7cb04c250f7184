"""Debian's Mono: mcs compiles C# up to 7.2, mono runs it."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGE = ROOT / "unity"
TESTS = Path(__file__).parent
APT_PACKAGES = "mono-mcs mono-runtime"

# What Unity defines in a build of the newest version, and the connector's own choice of ROS 2.
DEFINES = ("ROS2", "UNITY_2021_3_OR_NEWER", "UNITY_2022_3_OR_NEWER", "UNITY_6000_0_OR_NEWER")


class Mono:
    """Compiles into one folder, and runs what it compiled."""

    def __init__(self, mcs: str, mono: str, folder: Path) -> None:
        self._mcs = mcs
        self._mono = mono
        self.folder = folder

    def package_sources(self, *places: str) -> list[Path]:
        """C# files below folders of the package."""
        return sorted(path for place in places for path in (PACKAGE / place).rglob("*.cs"))

    def test_sources(self, *places: str) -> list[Path]:
        """C# files below folders of test/unity."""
        return sorted(path for place in places for path in (TESTS / place).rglob("*.cs"))

    def library(
        self,
        name: str,
        sources: Iterable[Path],
        references: Iterable[Path] = (),
        defines: Sequence[str] = DEFINES,
        documented: bool = True,
    ) -> Path:
        """Compile a library; warnings are errors. `documented`: so is a public member without XML documentation."""
        options = [f"-doc:{self.folder / name}.xml"] if documented else ["-nowarn:1591"]
        return self._compile("library", f"{name}.dll", sources, references, defines, options)

    def program(self, name: str, sources: Iterable[Path], references: Iterable[Path] = ()) -> Path:
        """Compile a program."""
        return self._compile("exe", f"{name}.exe", sources, references, DEFINES, [])

    def run(self, program: Path, *arguments: str, text: str = "", timeout_s: float = 60) -> str:
        """Standard output of a program; fails the test with its standard error if it ends otherwise than by 0."""
        result = subprocess.run(
            [self._mono, str(program), *arguments],
            input=text,
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=timeout_s,
        )
        if result.returncode != 0:
            pytest.fail(f"{program.name} {' '.join(arguments)} ended with {result.returncode}: {result.stderr[-4000:]}")
        return result.stdout

    def _compile(
        self,
        kind: str,
        name: str,
        sources: Iterable[Path],
        references: Iterable[Path],
        defines: Sequence[str],
        options: Sequence[str],
    ) -> Path:
        output = self.folder / name
        command = [self._mcs, "-langversion:7.2", "-warnaserror", "-optimize", f"-target:{kind}", f"-out:{output}"]
        command += ["-r:System.Core.dll", *(f"-r:{path}" for path in references), *options]
        command += [f"-define:{';'.join(defines)}", *map(str, sources)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=120)
        if result.returncode != 0:
            pytest.fail(f"{name} does not compile:\n{result.stdout[-4000:]}{result.stderr[-4000:]}")
        return output


def find_mono(folder: Path) -> Mono:
    """Mono, compiling into `folder`; skips the test where it is not installed."""
    mcs, mono = shutil.which("mcs"), shutil.which("mono")
    if mcs is None or mono is None:
        pytest.skip(f"needs Mono's C# compiler and runtime: apt-get install {APT_PACKAGES}")
    return Mono(mcs, mono, folder)
