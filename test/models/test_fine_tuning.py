"""train-depth from a trained back end: each is told its camera, keeps its backbone, learns its scale, loads by path."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor
from typer.testing import CliRunner

from unity_depth_perception.cli.main import app
from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import ConfigurationError, DatasetError, ModelError
from unity_depth_perception.core.metrics import DepthMetrics
from unity_depth_perception.dataset.reader import UnityDataset
from unity_depth_perception.dataset.writer import DatasetWriter
from unity_depth_perception.models import da3
from unity_depth_perception.models.compact import SEGMENTATION_WEIGHTS, CompactDepth
from unity_depth_perception.models.da2_variants import DA2_VARIANTS, Architecture
from unity_depth_perception.models.options import DepthOptions
from unity_depth_perception.models.protocols import DepthEstimator
from unity_depth_perception.models.registry import create_depth_estimator
from unity_depth_perception.models.weights import save_weights
from unity_depth_perception.synthetic.samples import render_samples
from unity_depth_perception.synthetic.scene import CATEGORIES
from unity_depth_perception.training.batches import Batch
from unity_depth_perception.training.dataset_source import DatasetSource
from unity_depth_perception.training.fine_tuning import Judges, fine_tune, prepare, solve_scale, validate
from unity_depth_perception.training.loop import TrainingConfig
from unity_depth_perception.training.silog import silog
from unity_depth_perception.training.tunable import Tunable, tunable

CPU = torch.device("cpu")
EXACT = DepthOptions(size_px=126, precision="float32")
TINY = Architecture(32, 4, 2, (1, 2, 3, 4), (8, 16, 32, 32), 8, positions_px=140)
DA2 = "da2-metric-indoor-small"
EDGE_M = 0.5
FOV_RAD = math.radians(60)
BACK_ENDS = pytest.mark.parametrize("name", ["compact", DA2, "da3metric-large"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of ten images of a project whose cubes have an edge of half a metre."""
    path = tmp_path_factory.mktemp("dataset")
    camera = Camera.from_vertical_fov(FOV_RAD, 96, 96)
    samples = render_samples(range(10), 96, 96, FOV_RAD, edge_m=EDGE_M)
    with DatasetWriter(path, camera, categories=CATEGORIES) as writer:
        for index, sample in enumerate(samples):
            writer.add(replace(sample, name=f"{index:05d}.png"))
    return path


@pytest.fixture(autouse=True)
def _tiny_networks(monkeypatch: pytest.MonkeyPatch) -> None:
    """The names stand for networks of the same kind that take milliseconds."""
    monkeypatch.setitem(DA2_VARIANTS, DA2, replace(DA2_VARIANTS[DA2], architecture=TINY))
    monkeypatch.setattr(da3, "build_network", _small_da3)
    monkeypatch.setattr("unity_depth_perception.models.da3_network.build_network", _small_da3)


def _small_da3(architecture: str) -> Any:
    cfg = pytest.importorskip("depth_anything_3.cfg")
    from depth_anything_3.registry import MODEL_REGISTRY
    from omegaconf import OmegaConf

    config: Any = OmegaConf.to_container(cfg.load_config(MODEL_REGISTRY[architecture]), resolve=True)
    config["net"] |= {"name": "vits", "out_layers": [2, 5, 8, 11]}
    config["head"] |= {"dim_in": 384, "features": 16, "out_channels": [8, 16, 32, 32]}
    return cfg.create_object(OmegaConf.create(config)).eval().requires_grad_(False)


@pytest.fixture
def create(tmp_path: Path) -> Callable[[str], DepthEstimator]:
    """A back end by name: compact as it ships, Depth Anything with random weights."""

    def make(name: str) -> DepthEstimator:
        if name == "compact":
            return create_depth_estimator(name, CPU)
        torch.manual_seed(0)
        if name == DA2:
            pytest.importorskip("transformers")
            from unity_depth_perception.models.da2_network import DepthAnythingV2Network

            state = DepthAnythingV2Network(TINY).net.state_dict()
        else:
            state = {f"model.{key}": value for key, value in _small_da3("da3metric-large").state_dict().items()}
            state["model.head.scratch.sky_output_conv2.2.bias"] -= 1  # no sky
        path = tmp_path / f"{name}.safetensors"
        save_file({key: value.clone() for key, value in state.items()}, path)
        return create_depth_estimator(name, CPU, path, EXACT)

    return make


def configuration(tmp_path: Path, folder: Path, **options: Any) -> TrainingConfig:
    samples = UnityDataset(folder)
    source = DatasetSource(tmp_path / "data", samples, range(8), 96 * 96)
    return TrainingConfig(
        **{"output": tmp_path / "run", "pool": tmp_path, "batch": 2, "steps": 6, "learning_rate": 1e-3} | options,
        source=source,
    )


def batch_of(folder: Path, indices: list[int]) -> Batch:
    """Images of a dataset as they are."""
    samples = [UnityDataset(folder)[index] for index in indices]
    camera = samples[0].camera
    return Batch(
        image=torch.stack([torch.from_numpy(s.image).permute(2, 0, 1) for s in samples]).float() / 255,
        depth_m=torch.stack([torch.from_numpy(s.depth_m) for s in samples]),
        instances=torch.stack([torch.from_numpy(s.instances.astype(np.int32)) for s in samples]),
        category=torch.zeros(len(samples), 32, dtype=torch.int64),
        intrinsics=torch.tensor([[camera.fx, camera.fy, camera.cx, camera.cy]] * len(samples)),
        floor=torch.full((len(samples), 4), math.nan),
    )


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def looked_at(model: Tunable, batch: Batch) -> Tensor:
    with torch.no_grad():
        return model.log_depth(batch, rng())


def inferred(estimator: DepthEstimator, folder: Path, index: int = 0) -> Tensor:
    sample = UnityDataset(folder)[index]
    with torch.no_grad():
        return estimator.infer(torch.from_numpy(sample.image), sample.camera).depth_m


@BACK_ENDS
def test_training_sees_what_use_sees(name: str, create: Callable[[str], DepthEstimator], folder: Path) -> None:
    estimator = create(name)
    log_depth = looked_at(tunable(estimator), batch_of(folder, [0, 1]))
    for index in (0, 1):
        ratio = (log_depth[index].exp() / inferred(estimator, folder, index)).log()
        assert abs(float(ratio.median())) < (0.1 if name == "compact" else 0.01)  # compact: jittered boxes of objects


@BACK_ENDS
def test_multiplying_is_exact(name: str, create: Callable[[str], DepthEstimator], folder: Path) -> None:
    estimator = create(name)
    model, batch = tunable(estimator), batch_of(folder, [0])
    before, before_m = looked_at(model, batch), inferred(estimator, folder)
    model.multiply(7.0)
    torch.testing.assert_close(looked_at(model, batch), before + math.log(7.0), rtol=0, atol=1e-5)
    torch.testing.assert_close(inferred(estimator, folder), 7 * before_m)


@BACK_ENDS
@pytest.mark.parametrize("backbone", [False, True], ids=["frozen", "whole"])
def test_only_what_is_trained_gets_a_gradient(
    name: str, backbone: bool, create: Callable[[str], DepthEstimator], folder: Path
) -> None:
    estimator = create(name)
    model = tunable(estimator)
    parts = model.parts(backbone)
    sum(model.losses(batch_of(folder, [0, 1]), rng()).values()).backward()
    trained = {id(p) for p in parts.parameters()}
    assert any(p.grad is not None and p.grad.abs().sum() > 0 for p in parts.parameters())
    network: Any = estimator
    modules = {
        "compact": lambda: (network.network, network.yardstick),
        DA2: lambda: (network.network,),
        "da3metric-large": lambda: (network.branch,),
    }[name]()
    others = [p for module in modules for p in module.parameters() if id(p) not in trained]
    assert bool(others) is not backbone
    assert all(p.grad is None for p in others)


@pytest.mark.parametrize(("name", "expected"), [("compact", None), (DA2, 0.0), ("da3metric-large", math.log(2))])
def test_each_is_told_the_camera_as_it_takes_it(
    name: str, expected: float | None, create: Callable[[str], DepthEstimator], folder: Path
) -> None:
    model, batch = tunable(create(name)), batch_of(folder, [0])
    longer = replace(batch, intrinsics=batch.intrinsics * batch.intrinsics.new_tensor([2.0, 2.0, 1.0, 1.0]))
    change = looked_at(model, longer) - looked_at(model, batch)
    if expected is None:  # a cube of as many pixels is twice as far; its tilt is read differently
        assert 0.4 < float(change.median()) < 1.0
    else:
        torch.testing.assert_close(change, torch.full_like(change, expected), rtol=0, atol=1e-5)


def test_sky_is_learnt_where_the_truth_has_it(create: Callable[[str], DepthEstimator], folder: Path) -> None:
    model = tunable(create("da3metric-large"))
    batch = batch_of(folder, [0])
    depth_m = batch.depth_m.clone()
    depth_m[:, :48] = math.inf
    without = model.losses(batch, rng())["sky"]
    half = model.losses(replace(batch, depth_m=depth_m), rng())["sky"]
    unknown = model.losses(replace(batch, depth_m=torch.full_like(depth_m, math.nan)), rng())["sky"]
    assert without.item() == pytest.approx(0)  # the network says that there is none
    assert half.item() == pytest.approx(0.05)
    assert unknown == 0


@BACK_ENDS
def test_the_result_is_one_file_that_loads_by_path(
    name: str, create: Callable[[str], DepthEstimator], folder: Path, tmp_path: Path
) -> None:
    estimator = create(name)
    model = tunable(estimator)
    model.multiply(3.0)
    path = tmp_path / "out" / "depth.safetensors"
    save_weights(path, *model.weights())
    loaded = create_depth_estimator(str(path), CPU, options=EXACT)
    assert type(loaded) is type(estimator)
    assert loaded.name == str(path)
    ratio = inferred(loaded, folder) / inferred(estimator, folder)
    assert float((ratio - 1).abs().max()) < 0.02  # matrices are stored in 16 bits
    again = tunable(loaded).weights()[1]  # and may be trained on
    assert again == model.weights()[1]


def test_the_scale_of_another_prefab_is_found_in_closed_form(folder: Path, tmp_path: Path) -> None:
    estimator = create_depth_estimator("compact", CPU)
    config = configuration(tmp_path, folder)
    judges = Judges(UnityDataset(folder), [8, 9])
    measured = prepare(estimator, tunable(estimator), config, judges, "compact", False)
    assert measured.factor == pytest.approx(EDGE_M / 0.07, rel=0.15)  # images of 96 px
    assert measured.before.abs_rel > 0.8
    assert measured.scaled.abs_rel < 0.25
    fresh = create_depth_estimator("compact", CPU)
    assert prepare(fresh, tunable(fresh), config, judges, "compact", False) == measured  # read, not measured again
    assert torch.equal(inferred(fresh, folder), inferred(estimator, folder))
    with pytest.raises(ConfigurationError, match="started here from compact with its backbone frozen"):
        prepare(fresh, tunable(fresh), config, judges, "compact", True)


@BACK_ENDS
def test_an_interrupted_training_ends_where_an_uninterrupted_one_does(
    name: str, create: Callable[[str], DepthEstimator], folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def train(output: str, stop_at: int = 0) -> dict[str, Tensor]:
        model = tunable(create(name))
        calls, losses = 0, model.losses

        def interrupted(batch: Batch, draws: np.random.Generator) -> dict[str, Tensor]:
            nonlocal calls
            calls += 1
            if calls == stop_at:
                raise KeyboardInterrupt
            return losses(batch, draws)

        monkeypatch.setattr(model, "losses", interrupted)
        fine_tune(model, configuration(tmp_path, folder, output=tmp_path / output, steps=4), backbone=False)
        return {key: value.clone() for key, value in model.weights()[0].items()}

    whole = train("whole")
    with pytest.raises(KeyboardInterrupt):
        train("parts", stop_at=3)
    resumed = train("parts")
    start = tunable(create(name)).weights()[0]
    assert any(not torch.equal(value, start[key]) for key, value in whole.items())
    for key, value in whole.items():
        assert torch.equal(value, resumed[key]), key


def test_steps_bring_the_loss_down(create: Callable[[str], DepthEstimator], folder: Path, tmp_path: Path) -> None:
    model, batch = tunable(create(DA2)), batch_of(folder, [0, 1, 2, 3])
    before = silog(looked_at(model, batch), batch.depth_m)
    fine_tune(model, configuration(tmp_path, folder, steps=20, batch=4, learning_rate=1e-2), backbone=False)
    assert silog(looked_at(model, batch), batch.depth_m) < 0.8 * before


def test_what_betters_nothing_is_not_kept(
    create: Callable[[str], DepthEstimator], folder: Path, tmp_path: Path
) -> None:
    model = tunable(create(DA2))
    start = {key: value.clone() for key, value in model.weights()[0].items()}
    errors = iter(range(1, 100))

    def judge() -> DepthMetrics:
        return DepthMetrics(float(next(errors)), *[1.0] * 8, pixel_count=1)

    fine_tune(model, configuration(tmp_path, folder, steps=2), backbone=False, judge=judge)
    assert next(errors) > 2
    for key, value in model.weights()[0].items():
        assert torch.equal(value, start[key]), key


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        return 2, str(result.exception)
    return result.exit_code, result.output


@pytest.mark.long
def test_the_command_adapts_the_scale_betters_it_and_says_so(folder: Path, tmp_path: Path) -> None:
    arguments = ["train-depth", folder, "--output", tmp_path, "--from", "compact", "--steps", "30", "--batch", "4"]
    code, output = run(*arguments, "--device", "cpu")
    assert code == 0, output
    record = json.loads((tmp_path / "fine_tuning.json").read_text())
    split = json.loads((tmp_path / "split.json").read_text())
    assert len(split["train"]) == 8
    assert len(split["validation"]) == 2
    assert record["before"]["abs_rel"] > 0.8
    assert record["after"]["abs_rel"] <= record["scaled"]["abs_rel"] < 0.25
    for part in ("before", "scaled", "after"):
        assert f"{record[part]['abs_rel']:.4f}" in output
    estimator = create_depth_estimator(str(tmp_path / "depth.safetensors"), CPU)
    assert isinstance(estimator, CompactDepth)
    chosen = [index for index, name in enumerate(UnityDataset(folder).names) if name in split["validation"]]
    assert validate(estimator, Judges(UnityDataset(folder), chosen)).abs_rel == record["after"]["abs_rel"]


def test_images_without_depth_are_named_before_anything_starts(folder: Path, tmp_path: Path) -> None:
    dataset = tmp_path / "dataset"
    _copy(folder, dataset)
    (dataset / "depth" / "00002.npy").unlink()
    (dataset / "depth" / "00005.npy").write_bytes(b"not an array")
    code, message = run("train-depth", dataset, "--output", tmp_path / "run", "--from", "compact")
    assert code == 2
    assert "2 problems" in message
    assert "depth/00002: expected true depth as .png, .exr or .npy, found none" in message
    assert "00005.npy: expected an array" in message
    assert not (tmp_path / "run").exists()


def _copy(source: Path, target: Path) -> None:
    for path in source.rglob("*"):
        if path.is_file():
            copy = target / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())


@pytest.mark.parametrize(
    ("start", "message"),
    [
        ("unknown", "unknown depth model 'unknown'"),
        ("floor-plane", "expected a metric model that train-depth can start from.*got floor-plane"),
        (str(SEGMENTATION_WEIGHTS), "expected depth weights of train-depth.*'compact-segmentation'"),
        ("nowhere.safetensors", "no such weights file"),
    ],
)
def test_models_that_cannot_be_trained(start: str, message: str, folder: Path, tmp_path: Path) -> None:
    code, said = run("train-depth", folder, "--output", tmp_path, "--from", start)
    assert code == 2
    assert __import__("re").search(message, said), said


def test_relative_depth_is_not_fine_tuned() -> None:
    with pytest.raises(ModelError, match=r"expected a metric model.*got da3-small"):
        tunable(da3.AnyViewDepth("da3-small", CPU, lambda image: image, EXACT))  # type: ignore[arg-type]


def test_without_any_true_depth_there_is_no_scale(folder: Path, tmp_path: Path) -> None:
    config = configuration(tmp_path, folder)
    assert config.source is not None
    (shard,) = config.source.available()
    blind = replace(shard, depth_m=np.full_like(shard.depth_m, np.nan))
    config.source.available = lambda: [blind]  # type: ignore[method-assign]
    with pytest.raises(DatasetError, match="none has a known pixel"):
        solve_scale(tunable(create_depth_estimator("compact", CPU)), config)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"architecture": {"layers": 3}}, "do not describe a network of Depth Anything V2"),
        ({"kind": "da3-metric", "network": "da3-small"}, "expected weights of da3metric-large.*'da3-small'"),
        ({"max_depth_m": "far"}, "do not describe"),
    ],
)
def test_files_whose_description_does_not_fit(
    change: dict[str, Any], message: str, create: Callable[[str], DepthEstimator], tmp_path: Path
) -> None:
    state, description = tunable(create(DA2)).weights()
    save_weights(tmp_path / "odd.safetensors", state, description | change)
    with pytest.raises(ModelError, match=message):
        create_depth_estimator(str(tmp_path / "odd.safetensors"), CPU)
