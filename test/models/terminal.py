"""Calls of `unity-depth` as a person makes them."""

from __future__ import annotations

import io
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple

import pytest

from unity_depth_perception.cli import main


class Outcome(NamedTuple):
    """What a call left on the terminal."""

    returncode: int
    stdout: str
    stderr: str


def unity_depth(*arguments: str | Path) -> Outcome:
    """Run the entry point in this process: loading torch anew for every call would take longer than the calls."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        patch.setenv("COLUMNS", "150")
        patch.setattr(sys, "argv", ["unity-depth", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main.main()
    return Outcome(int(end.value.code or 0), out.getvalue(), err.getvalue())
