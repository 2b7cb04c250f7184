"""A segmentation that is fine-tuned on few images never replaces its start unless it is better by every score."""

from pathlib import Path

import pytest
import torch

from unity_depth_perception.evaluation.heldout import HeldOutScenes
from unity_depth_perception.models.checkpoints.safetensors_file import (
    categories_of,
    load_description,
    load_weights,
    save_weights,
)
from unity_depth_perception.models.compact.object_proposer import SEGMENTATION_WEIGHTS
from unity_depth_perception.training.compact.fine_tuned_parts import Scores, State, better_of
from unity_depth_perception.training.engine.config import TrainingConfig
from unity_depth_perception.training.segmentation.mask_rcnn import Task

START = load_weights(SEGMENTATION_WEIGHTS)[0]


def spoilt(state: State, part: str) -> State:
    """The networks with one of them overfitted: here, of random weights."""
    torch.manual_seed(0)
    return {
        name: torch.randn_like(value) if name.startswith(f"{part}.head") or "cls_score" in name else value
        for name, value in state.items()
    }


def choose(trained: State, output: Path, start: Path = SEGMENTATION_WEIGHTS, count: int = 3) -> tuple[State, list[str]]:
    said: list[str] = []
    config = TrainingConfig(output=output, pool=output, start=start)
    task = Task(samples=HeldOutScenes(count, 3), validation=range(count))
    return better_of(start, trained, config, task, said.append), said


@pytest.mark.parametrize(
    ("own", "better"),
    [
        (Scores(0.92, 0.95, 0.95), True),
        (Scores(0.95, 0.95, 0.94), False),  # recall fell
        (Scores(0.903, 0.95, 0.95), False),  # noise
        (Scores(float("nan"), 0.99, 0.99), False),
    ],
)
def test_only_what_is_clearly_better_and_nowhere_worse_improves_on_the_start(own: Scores, better: bool) -> None:
    start = Scores(0.90, 0.95, 0.95)
    assert own.improves_on(start, start, 0.01) == better
    assert not own.improves_on(Scores(0.92, 0.95, 0.95), start, 0.01)
    assert not own.improves_on(start, start, 0.1)


def test_an_overfitted_classifier_leaves_the_start(tmp_path: Path) -> None:
    kept, said = choose(spoilt(dict(START), "crop_classifier"), tmp_path)
    assert all(torch.equal(kept[name], value) for name, value in START.items())
    assert said[-1] == "kept: the start; the training improved nothing"
    assert said[0].startswith("validation of the start: mask AP")
    assert not list(tmp_path.iterdir())  # no candidate file is left


def test_a_better_training_replaces_a_poor_start(tmp_path: Path) -> None:
    description = load_description(SEGMENTATION_WEIGHTS)
    poor = tmp_path / "poor.safetensors"
    save_weights(poor, spoilt(dict(START), "crop_classifier"), description)
    kept, said = choose(dict(START), tmp_path, poor)
    assert all(torch.equal(kept[name], value) for name, value in START.items())
    assert said[-1] == "kept: the trained weights"


def test_what_is_learnt_by_half_is_kept_by_half(tmp_path: Path) -> None:
    """Weights as far beyond the good ones as the start is before them."""
    description = load_description(SEGMENTATION_WEIGHTS)
    torch.manual_seed(0)
    off = {
        name: torch.randn_like(value) * value.std() if "crop_classifier" in name and value.ndim > 1 else 0 * value
        for name, value in START.items()
    }
    poor = tmp_path / "poor.safetensors"
    save_weights(poor, {name: value + off[name] for name, value in START.items()}, description)
    kept, said = choose({name: value - off[name] for name, value in START.items()}, tmp_path, poor)
    assert said[-1] == "kept: the weights half way"
    for name, value in START.items():
        torch.testing.assert_close(kept[name], value, atol=2e-3, rtol=0)  # as precise as the file


def test_other_categories_than_the_start_s_keep_the_training(tmp_path: Path) -> None:
    description = {**load_description(SEGMENTATION_WEIGHTS), "categories": ["crate", "plank"]}
    other = tmp_path / "other.safetensors"
    save_weights(other, START, description)
    assert categories_of(load_description(other), other) == ("crate", "plank")
    trained: State = {"detector.x": torch.ones(1)}
    assert choose(trained, tmp_path, other) == (trained, [])
