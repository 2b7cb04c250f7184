"""Validation, early stopping, resuming and distributed training: laws on a network of sixteen weights."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_training import noisy_steps
from torch import Tensor, nn

from unity_depth_perception.core.errors import ModelError, PerceptionError
from unity_depth_perception.training import distributed
from unity_depth_perception.training.data.shards import Shard
from unity_depth_perception.training.engine import logger
from unity_depth_perception.training.engine.config import TrainingConfig
from unity_depth_perception.training.engine.fit import fit
from unity_depth_perception.training.engine.training_state import TrainingState
from unity_depth_perception.training.engine.validation import BestCheckpoint, State, Validation

CPU = torch.device("cpu")


class EmptySource:
    """An empty source."""

    categories = ("thing",)
    least_visible_ratio = 0.0

    def wait(self) -> None: ...

    def available(self) -> list[Shard]:
        return []

    def close(self) -> None: ...


class Tiny(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Linear(4, 4)


def train(
    output: Path,
    steps: int = 12,
    stop_at: int | None = None,
    measure: Callable[[State], dict[str, float]] | None = None,
) -> dict[str, Tensor]:
    torch.manual_seed(0)
    network = Tiny()
    config = TrainingConfig(output=output, pool=output, steps=steps, source=EmptySource())
    validation = None if measure is None else Validation(measure, times=4, patience=2)
    return fit(config, network, noisy_steps(network.layer, stop_at), validation=validation)


def closeness(state: State) -> dict[str, float]:
    torch.rand(5)  # what a validation draws must not change what the training draws
    return {"closeness": -float((state["layer.weight"] - torch.eye(4)).square().sum())}


def validations(output: Path) -> list[dict[str, Any]]:
    """The validations in a training's log."""
    entries = [json.loads(line) for line in (output / "log.jsonl").read_text().splitlines()]
    return [entry for entry in entries if "validation" in entry]


def best_of(scores: list[float]) -> BestCheckpoint:
    """The best checkpoint after validations with these scores; the weights of the k-th are k."""
    best = BestCheckpoint()
    for k, score in enumerate(scores):
        best.update(score, {"w": torch.tensor(float(k))})
    return best


def test_best_checkpoint_keeps_the_weights_of_the_highest_score() -> None:
    best = best_of([0.1, 0.5, 0.3])
    assert best.weights["w"] == 1
    assert not Validation(closeness, patience=6).should_stop(best)


@pytest.mark.parametrize(
    ("scores", "should_stop"),
    [
        ([0.1, 0.5, 0.4, 0.3], True),
        ([0.1, 0.5, 0.4, 0.6], False),
        ([0.0, 0.0, 0.0, 0.0], False),  # no improvement on the initial weights yet
        ([0.0, 0.1, float("nan"), 0.05], True),
    ],
)
def test_patience_counts_from_the_first_improvement_on_the_initial_weights(
    scores: list[float], should_stop: bool
) -> None:
    assert Validation(closeness, patience=2).should_stop(best_of(scores)) == should_stop
    assert not Validation(closeness, patience=0).should_stop(best_of(scores))


def test_patience_from_the_start_ends_a_training_that_does_not_help() -> None:
    validation = Validation(closeness, patience=2, from_start=True)
    assert validation.should_stop(best_of([0.3, 0.2, 0.1]))
    assert not validation.should_stop(best_of([0.3, 0.2]))
    assert not validation.should_stop(best_of([0.3, 0.2, 0.4, 0.1]))


def test_where_lower_is_better_the_lowest_score_is_kept(tmp_path: Path) -> None:
    scores = iter([0.5, 0.1, 0.3, 0.4, 0.2])
    seen: list[State] = []

    def measure(state: State) -> dict[str, float]:
        seen.append({name: value.clone() for name, value in state.items()})
        return {"error": next(scores)}

    torch.manual_seed(0)
    network = Tiny()
    config = TrainingConfig(output=tmp_path, pool=tmp_path, steps=12, source=EmptySource())
    validation = Validation(measure, times=4, patience=0, lower_is_better=True)
    kept = fit(config, network, noisy_steps(network.layer), validation=validation)
    assert torch.equal(kept["layer.weight"], seen[1]["layer.weight"])


def test_validation_takes_place_at_the_start_at_each_part_and_at_the_end(tmp_path: Path) -> None:
    train(tmp_path, steps=10, measure=closeness)
    assert [entry["step"] for entry in validations(tmp_path)] == [0, 3, 5, 8, 10]


def test_early_stopping_ends_the_training_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scores = iter([0.1, 0.5, 0.4, 0.3])
    train(tmp_path, measure=lambda _: {"score": next(scores)})
    assert [entry["step"] for entry in validations(tmp_path)] == [0, 3, 6, 9]
    assert capsys.readouterr().out.splitlines()[-1] == "early stopping: 2 validations without a new best checkpoint"


def test_training_returns_its_best_weights_and_logs_the_validations(tmp_path: Path) -> None:
    seen: list[tuple[float, Tensor]] = []

    def measure(state: State) -> dict[str, float]:
        scores = closeness(state)
        seen.append((scores["closeness"], state["layer.weight"].clone()))
        return scores

    state = train(tmp_path, measure=measure)
    assert torch.equal(state["layer.weight"], max(seen, key=lambda pair: pair[0])[1])
    logged = [entry["validation"]["closeness"] for entry in validations(tmp_path)]
    assert logged == [score for score, _ in seen]
    assert len(logged) == 5


@pytest.mark.parametrize(("every_s", "steps"), [(1e9, [3]), (0.0, [1, 2, 3])], ids=["fast steps", "slow steps"])
def test_training_logs_its_progress_up_to_100_percent(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    every_s: float,
    steps: list[int],
) -> None:
    monkeypatch.setattr(logger, "_LOG_EVERY_S", every_s)
    monkeypatch.setattr(TrainingState, "seconds", property(lambda self: 10.0 * self.step))
    network = Tiny()
    config = TrainingConfig(output=tmp_path, pool=tmp_path, steps=60, minutes=25 / 60, source=EmptySource())
    fit(config, network, noisy_steps(network.layer))
    lines = capsys.readouterr().out.splitlines()
    assert [int(line.split()[1]) for line in lines] == steps
    assert "  100.0 %  loss " in lines[-1]
    assert lines[-1].endswith("  0 s left")
    assert "   40.0 %  loss " in lines[0] or len(lines) == 1


def test_validation_does_not_change_the_training(tmp_path: Path) -> None:
    train(tmp_path / "validated", measure=closeness)
    train(tmp_path / "alone")
    validated, alone = (
        torch.load(tmp_path / name / "checkpoint.pt", weights_only=True)["network"] for name in ("validated", "alone")
    )
    assert all(torch.equal(validated[name], alone[name]) for name in alone)


@pytest.mark.parametrize("stop_at", [2, 4, 8, 12])
def test_interrupted_training_ends_with_the_same_best_weights(tmp_path: Path, stop_at: int) -> None:
    whole = train(tmp_path / "whole", measure=closeness)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "parts", stop_at=stop_at, measure=closeness)
    resumed = train(tmp_path / "parts", measure=closeness)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    again = train(tmp_path / "parts", measure=closeness)  # a finished training stays as it is
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_checkpoint_of_another_network_is_refused(tmp_path: Path) -> None:
    train(tmp_path)
    with pytest.raises(ModelError, match=r"checkpoint\.pt: a training of another network"):
        fit(TrainingConfig(output=tmp_path, pool=tmp_path, source=EmptySource()), nn.Linear(3, 3), lambda *_: {})


def test_checkpoint_of_an_earlier_version_is_refused(tmp_path: Path) -> None:
    train(tmp_path)
    path = tmp_path / "checkpoint.pt"
    state = torch.load(path, weights_only=True)
    del state["ema_weights"]
    torch.save(state, path)
    with pytest.raises(ModelError, match=r"checkpoint\.pt: .*an earlier version was started here"):
        train(tmp_path)


def test_other_processes_end_with_one_line_when_rank_zero_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost() -> None:
        raise RuntimeError("Connection closed by peer")

    monkeypatch.setattr(distributed, "rank", lambda: 1)
    monkeypatch.setattr(distributed.dist, "barrier", lost)
    with pytest.raises(PerceptionError, match="process 1 ends because process 0 failed"), distributed.rank_zero_first():
        pytest.fail("the block must not run")


_TWO = """
import sys, torch
from pathlib import Path
from typing import Any
sys.path[:0] = {path!r}
from test_validation import CPU, closeness, train
from unity_depth_perception.training import distributed
with distributed.process_group(CPU):
    state = train(Path(sys.argv[1]), measure=closeness)
    mine = state["layer.weight"]
    other = mine.clone()
    torch.distributed.broadcast(other, src=0)
    assert torch.equal(mine, other)
    assert distributed.world_size() == 2
    if not distributed.rank():
        torch.save(state, Path(sys.argv[1]) / "state.pt")
"""


@pytest.mark.slow
def test_two_processes_keep_the_same_weights(tmp_path: Path) -> None:
    """Over gloo, as torchrun starts them; their weights differ from those of a single process."""
    script = tmp_path / "two.py"
    script.write_text(_TWO.format(path=[str(Path(__file__).parent), str(Path(__file__).parents[2])]))
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2", str(script)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*run, str(tmp_path / "shared")], capture_output=True, text=True, env=environment, timeout=300, check=False
    )
    assert done.returncode == 0, done.stderr
    shared = torch.load(tmp_path / "shared" / "state.pt", weights_only=True)
    alone = train(tmp_path / "alone", measure=closeness)
    assert not torch.equal(shared["layer.weight"], alone["layer.weight"])
    assert len(validations(tmp_path / "shared")) == 5  # written by rank 0 alone
