"""Manifest of an evaluation: which runs are done, with the fingerprint of what they were made from."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.core.files.atomic_file import write_json
from unity_depth_perception.core.files.json_file import read_json_object
from unity_depth_perception.evaluation.runs.plan import Run
from unity_depth_perception.evaluation.runs.worker import TIMING, Outcome

MANIFEST = "manifest.json"
_VERSION = 1


class Manifest:
    """Entries of the runs of a plan, in its order; written whole after each run."""

    def __init__(self, output: Path, runs: Sequence[Run]) -> None:
        """Read the manifest of an earlier call; a missing or damaged one counts as empty."""
        self._path = output / MANIFEST
        self._runs = tuple(runs)
        self._prints = {run: run.fingerprint() for run in runs}
        self._entries: dict[Run, dict[str, Any]] = {}
        earlier = _read(self._path)
        for run in runs:
            entry = earlier.get((run.source_name, run.model_name), {})
            if entry.get("state") == "done" and entry.get("fingerprint") == self._prints[run] and _has_report(run):
                self._entries[run] = entry

    @property
    def open_runs(self) -> tuple[Run, ...]:
        """Runs that are still to be executed."""
        return tuple(run for run in self._runs if run not in self._entries)

    @property
    def done_runs(self) -> tuple[Run, ...]:
        """Runs with a report, in the order of the plan."""
        return tuple(run for run in self._runs if self._entries.get(run, {}).get("state") == "done")

    @property
    def errors(self) -> dict[Run, str]:
        """Runs without a report, and why."""
        return {run: str(entry["error"]) for run, entry in self._entries.items() if entry["state"] == "failed"}

    def record(self, run: Run, outcome: Outcome) -> None:
        """Store how a run ended."""
        entry: dict[str, Any] = {
            "source": run.source_name,
            "path": str(run.source),
            "model": run.model_name,
            "fingerprint": self._prints[run],
            "state": "done" if outcome.error is None else "failed",
        }
        values = {"error": outcome.error, "pairing": outcome.pairing, "problems": outcome.problems}
        self._entries[run] = entry | {name: value for name, value in values.items() if value}
        known = [self._entries[one] for one in self._runs if one in self._entries]
        write_json(self._path, {"version": _VERSION, "runs": known}, indent=2)


def _has_report(run: Run) -> bool:
    return all((run.folder / name).is_file() for name in ("report.json", TIMING))


def _read(path: Path) -> dict[tuple[str, str], dict[str, Any]]:
    try:
        content = read_json_object(path, "the manifest of an evaluation")
    except InputError:
        return {}
    entries = content.get("runs") if content.get("version") == _VERSION else None
    good = [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
    return {(str(entry.get("source")), str(entry.get("model"))): entry for entry in good}
