"""Judging, stopping early, resuming and sharing a training: laws on a network of sixteen weights."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tiny_training import noisy_steps
from torch import Tensor, nn

from unity_depth_perception.core.errors import ModelError, PerceptionError
from unity_depth_perception.training import distributed as workers
from unity_depth_perception.training.data.shards import Shard
from unity_depth_perception.training.engine import training_state as run
from unity_depth_perception.training.engine.config import TrainingConfig
from unity_depth_perception.training.engine.fit import fit
from unity_depth_perception.training.engine.validation import BestCheckpoint, State, Validation

CPU = torch.device("cpu")


class Nowhere:
    """A source that nothing is drawn from."""

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
    config = TrainingConfig(output=output, pool=output, steps=12, source=Nowhere())
    validation = None if measure is None else Validation(measure, times=4, patience=2)
    return fit(config, network, noisy_steps(network.layer, stop_at), validation=validation)


def closeness(state: State) -> dict[str, float]:
    torch.rand(5)  # whatever a judge draws must not change what the training draws
    return {"closeness": -float((state["layer.weight"] - torch.eye(4)).square().sum())}


def judge_of(scores: list[float], patience: int) -> BestCheckpoint:
    """A judge after as many judgements as there are scores, or after giving up."""
    given = iter(scores)
    judge = BestCheckpoint(Validation(lambda _: {"score": next(given)}, times=100, patience=patience), CPU)
    for k in range(len(scores)):
        judge.judge(k / 100, {"w": torch.tensor(float(k))})
    return judge


def test_the_best_weights_are_kept() -> None:
    judge = judge_of([0.1, 0.5, 0.3], patience=6)
    assert judge.best["w"] == 1
    assert not judge.should_stop


@pytest.mark.parametrize(
    ("scores", "should_stop"),
    [
        ([0.1, 0.5, 0.4, 0.3], True),
        ([0.1, 0.5, 0.4, 0.6], False),
        ([0.0, 0.0, 0.0, 0.0], False),  # nothing found yet is no reason to end
        ([0.0, 0.1, float("nan"), 0.05], True),
    ],
)
def test_patience_counts_from_the_first_that_is_better_than_the_start(scores: list[float], should_stop: bool) -> None:
    assert judge_of(scores, patience=2).should_stop == should_stop
    assert not judge_of(scores, patience=0).should_stop


def test_it_is_time_to_judge_at_the_start_at_each_part_and_at_the_end() -> None:
    judge = BestCheckpoint(Validation(lambda _: {"score": 1.0}, times=4), CPU)
    due = []
    for step in range(11):
        if judge.is_due(step / 10):
            due.append(step)
            judge.judge(step / 10, {})
    assert due == [0, 3, 5, 8, 10]


def test_a_training_gives_its_best_weights_and_writes_down_what_was_measured(tmp_path: Path) -> None:
    seen: list[tuple[float, Tensor]] = []

    def measure(state: State) -> dict[str, float]:
        scores = closeness(state)
        seen.append((scores["closeness"], state["layer.weight"].clone()))
        return scores

    state = train(tmp_path, measure=measure)
    assert torch.equal(state["layer.weight"], max(seen, key=lambda pair: pair[0])[1])
    entries = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    measured = [entry["validation"]["closeness"] for entry in entries if "validation" in entry]
    assert measured == [score for score, _ in seen]
    assert len(measured) == 5


@pytest.mark.parametrize(("every_s", "steps"), [(1e9, [3]), (0.0, [1, 2, 3])], ids=["fast steps", "slow steps"])
def test_a_training_says_how_far_it_is_and_never_more_than_all(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    every_s: float,
    steps: list[int],
) -> None:
    monkeypatch.setattr(run, "_LOG_EVERY_S", every_s)
    monkeypatch.setattr(run.Run, "seconds", property(lambda self: 10.0 * self.step))
    network = Tiny()
    config = TrainingConfig(output=tmp_path, pool=tmp_path, steps=60, minutes=25 / 60, source=Nowhere())
    fit(config, network, noisy_steps(network.layer))
    lines = capsys.readouterr().out.splitlines()
    assert [int(line.split()[1]) for line in lines] == steps
    assert "  100.0 %  loss " in lines[-1]
    assert lines[-1].endswith("  0 s left")
    assert "   40.0 %  loss " in lines[0] or len(lines) == 1


def test_judging_changes_nothing_of_what_is_learnt(tmp_path: Path) -> None:
    train(tmp_path / "judged", measure=closeness)
    train(tmp_path / "alone")
    judged, alone = (
        torch.load(tmp_path / name / "checkpoint.pt", weights_only=True)["network"] for name in ("judged", "alone")
    )
    assert all(torch.equal(judged[name], alone[name]) for name in alone)


@pytest.mark.parametrize("stop_at", [2, 4, 8, 12])
def test_an_interrupted_training_ends_with_the_same_best_weights(tmp_path: Path, stop_at: int) -> None:
    whole = train(tmp_path / "whole", measure=closeness)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "parts", stop_at=stop_at, measure=closeness)
    resumed = train(tmp_path / "parts", measure=closeness)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    again = train(tmp_path / "parts", measure=closeness)  # what is over stays as it is
    assert all(torch.equal(whole[name], again[name]) for name in whole)


def test_an_output_of_another_network_is_refused(tmp_path: Path) -> None:
    train(tmp_path)
    with pytest.raises(ModelError, match=r"checkpoint\.pt: a training of another network"):
        fit(TrainingConfig(output=tmp_path, pool=tmp_path, source=Nowhere()), nn.Linear(3, 3), lambda *_: {})


def test_the_others_end_in_one_line_where_the_first_process_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    def lost() -> None:
        raise RuntimeError("Connection closed by peer")

    monkeypatch.setattr(workers, "rank", lambda: 1)
    monkeypatch.setattr(workers.distributed, "barrier", lost)
    with pytest.raises(PerceptionError, match="process 1 ends too"), workers.rank_zero_first():
        pytest.fail("there is nothing to find")


_TWO = """
import sys, torch
from pathlib import Path
sys.path[:0] = {path!r}
from test_validation import CPU, closeness, train
from unity_depth_perception.training import workers
with workers.joined(CPU):
    state = train(Path(sys.argv[1]), measure=closeness)
    mine = state["layer.weight"]
    other = mine.clone()
    torch.distributed.broadcast(other, src=0)
    assert torch.equal(mine, other)
    assert workers.count() == 2
    if not workers.rank():
        torch.save(state, Path(sys.argv[1]) / "state.pt")
"""


@pytest.mark.slow
def test_two_processes_keep_the_same_weights(tmp_path: Path) -> None:
    """Over gloo, as torchrun starts them; what they learn is another thing than one process alone would."""
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
    entries = (tmp_path / "shared" / "log.jsonl").read_text().splitlines()
    assert sum("validation" in entry for entry in entries) == 5  # written by one of the two
