"""Part of benchmarks/gpu.py: the tests that are marked gpu. Where there is no GPU, they must be skipped."""

from __future__ import annotations

import sys
import tempfile
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from part import read_options

_TESTS = Path(__file__).parents[2] / "test"


def main() -> None:
    """Run pytest on the files that have such tests, and report what became of each."""
    part = read_options()
    files = [str(path) for path in sorted(_TESTS.rglob("test_*.py")) if "mark.gpu" in path.read_text(encoding="utf-8")]
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / "report.xml"
        pytest.main(["-q", "-m", "gpu", "-p", "no:cacheprovider", f"--junitxml={report}", *files])
        cases = list(ElementTree.parse(report).getroot().iter("testcase"))
    outcomes = {str(case.get("name")): _outcome(case) for case in cases}
    numbers = {kind: list(outcomes.values()).count(kind) for kind in ("passed", "failed", "skipped")}
    bad = {name: kind for name, kind in outcomes.items() if kind != ("passed" if part.is_gpu else "skipped")}
    part.add("tests marked gpu", **numbers, not_as_expected=bad)
    if bad or not outcomes:
        sys.exit(f"expected every test marked gpu to {'pass' if part.is_gpu else 'be skipped'}, got {outcomes}")


def _outcome(case: ElementTree.Element) -> str:
    kinds = {child.tag for child in case}
    return "failed" if kinds & {"failure", "error"} else "skipped" if "skipped" in kinds else "passed"


if __name__ == "__main__":
    main()
