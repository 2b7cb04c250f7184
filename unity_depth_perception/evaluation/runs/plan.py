"""Plan of an evaluation: one run for each source and model, with the folder of its report."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from unity_depth_perception import __version__
from unity_depth_perception.core.errors import ConfigurationError
from unity_depth_perception.dataset.bag.samples import BagOptions
from unity_depth_perception.pipeline import PerceptionResult

TRUTH = "truth"
"""Name of the model where the truth replaces it."""
_NAME_LENGTH = 80


class ResultSink(Protocol):
    """Takes the results of a run, frame by frame; a bag of them, for example."""

    def add(self, result: PerceptionResult) -> None:
        """Take the result of the next frame."""
        ...

    def close(self) -> None:
        """End the run; called also after an error."""
        ...


OpenSink = Callable[[Path, tuple[str, ...]], ResultSink]
"""Opens a sink in the folder of a run, for objects of some categories; a function of a module, as it is pickled."""


@dataclass(frozen=True)
class Models:
    """Models of a run by name or path; None: the truth of that stage."""

    depth: str | None
    segmentation: str | None
    depth_weights: Path | None = None

    @property
    def name(self) -> str:
        """Name for folders: that of the depth model; of weights of train-depth the file's, without suffix."""
        if self.depth is None:
            return TRUTH
        return Path(self.depth).stem if self.depth.endswith((".safetensors", ".pth", ".pt")) else self.depth


@dataclass(frozen=True)
class RunOptions:
    """What all runs of an evaluation share.

    Attributes:
        bag: how bags are read.
        use_camera_pose: whether the pipeline gets the camera poses of the source.
        limit: number of images of each source; None: all.
        device: torch device.
        threads: torch threads of each process.
        open_sink: takes the results; None: they are not kept.
        metrics: level of the metrics, basic or all.
    """

    bag: BagOptions = field(default_factory=BagOptions)
    use_camera_pose: bool = True
    limit: int | None = None
    device: str = "cpu"
    threads: int = 1
    open_sink: OpenSink | None = None
    metrics: str = "basic"

    def __post_init__(self) -> None:
        if self.threads < 1:
            raise ConfigurationError(f"expected at least 1 thread, got {self.threads}")


@dataclass(frozen=True)
class Run:
    """One source through one pair of models.

    Attributes:
        source: path of the bag or dataset.
        source_name: its folder of reports.
        models: the models.
        model_name: the folder of this report in that of the source.
        output: the folder of all reports.
        options: what all runs share.
    """

    source: Path
    source_name: str
    models: Models
    model_name: str
    output: Path
    options: RunOptions

    @property
    def folder(self) -> Path:
        """Folder of the report."""
        return self.output / self.source_name / self.model_name

    def fingerprint(self) -> str:
        """Hash of what the result depends on: names, sizes and times of the source's files, weights, options, version.

        Images that a COCO file names elsewhere are taken as unchanged.
        """
        weights = [Path(name) for name in (self.models.depth, self.models.segmentation) if name and Path(name).exists()]
        files = [self.source, *weights, *([self.models.depth_weights] if self.models.depth_weights else [])]
        if self.options.bag.intrinsics is not None:
            files.append(self.options.bag.intrinsics)
        values: dict[str, Any] = {
            "files": [entry for path in files for entry in _entries(path)],
            "models": asdict(self.models),
            "options": asdict(self.options) | {"open_sink": self.options.open_sink is not None},
            "version": __version__,
        }
        return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()[:32]


def plan_runs(sources: Sequence[Path], models: Sequence[Models], output: Path, options: RunOptions) -> tuple[Run, ...]:
    """One run for each source and model, those of a model together, so that a process loads it once.

    Raises:
        ConfigurationError: a source or a model is named twice.
    """
    _require_different("source", [str(path.resolve()) for path in sources])
    _require_different("model", [str(one.depth) for one in models])
    source_names = _unique([_folder_name(path.stem if path.is_file() else path.resolve().name) for path in sources])
    model_names = _unique([_folder_name(one.name) for one in models])
    return tuple(
        Run(source, source_name, chosen, model_name, output, options)
        for chosen, model_name in zip(models, model_names, strict=True)
        for source, source_name in zip(sources, source_names, strict=True)
    )


def _require_different(kind: str, names: Sequence[str]) -> None:
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ConfigurationError(f"expected each {kind} once, got {twice} twice")


def _entries(path: Path) -> Iterator[tuple[str, int, int]]:
    """Name, size and time of change of a file, or of all files in a folder."""
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    for file in files:
        status = file.stat()
        yield str(file), status.st_size, status.st_mtime_ns


def _folder_name(name: str) -> str:
    """A name of a folder that every file system takes."""
    kept = "".join(letter if letter.isalnum() or letter in "-_." else "_" for letter in name).strip(".")
    return kept[:_NAME_LENGTH] or "unnamed"


def _unique(names: Sequence[str]) -> list[str]:
    """Names that repeat get numbers, in the order in which they come."""
    found: list[str] = []
    for name in names:
        number = 2
        unique = name
        while unique in found:
            unique, number = f"{name}_{number}", number + 1
        found.append(unique)
    return found
