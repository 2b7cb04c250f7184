"""`train-depth` from a trained back end: its scale in closed form first, then gradient steps on true depth."""

from __future__ import annotations

import functools
import json
import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from unity_depth_perception.core.errors import ConfigurationError, DatasetError
from unity_depth_perception.core.metrics import DepthMetrics, depth_metrics, mean_metrics
from unity_depth_perception.dataset.sample import SampleSource
from unity_depth_perception.models.protocols import DepthEstimator
from unity_depth_perception.training.data.batches import Batch, draw_batch
from unity_depth_perception.training.data.shards import ShardSource
from unity_depth_perception.training.engine.config import TrainingConfig
from unity_depth_perception.training.engine.fit import fit
from unity_depth_perception.training.engine.validation import Validation
from unity_depth_perception.training.fine_tuning.silog import log_ratios
from unity_depth_perception.training.fine_tuning.trainable import Trainable

_RECORD = "fine_tuning.json"
_JUDGEMENTS = 4  # in a training, beside that of its start
_SCALE_DRAWS = 8  # batches that the scale is read from


@dataclass(frozen=True)
class ValidationImages:
    """Images that nothing is learnt from.

    Attributes:
        samples: where they are.
        indices: which of them.
        progress: yields the indices that it is given; a place for a progress bar.
    """

    samples: SampleSource
    indices: Sequence[int]
    progress: Callable[[Sequence[int]], Iterable[int]] = iter


@dataclass(frozen=True)
class Measured:
    """What is known before the first step; a training that goes on does not measure it again.

    Attributes:
        start: name of the model that the training starts from.
        backbone: whether the backbone is trained too.
        factor: what its metres lacked; 1 where the factor solved for betters nothing on the validation images.
        before, scaled: its errors on the validation images, as it came and with that factor.
    """

    start: str
    backbone: bool
    factor: float
    before: DepthMetrics
    scaled: DepthMetrics

    def write(self, folder: Path, after: DepthMetrics | None = None) -> None:
        """Write it, and the errors after the training where they are known."""
        folder.mkdir(parents=True, exist_ok=True)
        content = {**asdict(self), "after": None if after is None else asdict(after)}
        (folder / _RECORD).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")

    @classmethod
    def read(cls, folder: Path) -> Measured | None:
        """What an earlier call wrote to a folder, if there was one."""
        if not (folder / _RECORD).is_file():
            return None
        content = json.loads((folder / _RECORD).read_text(encoding="utf-8"))
        before, scaled = DepthMetrics(**content["before"]), DepthMetrics(**content["scaled"])
        return cls(content["start"], content["backbone"], content["factor"], before, scaled)


def prepare(
    estimator: DepthEstimator,
    model: Trainable,
    config: TrainingConfig,
    validation_images: ValidationImages,
    start: str,
    backbone: bool,
) -> Measured:
    """Solve for the scale of `estimator`, give it to `model`, which was made of it, where it is better, measure both.

    Args:
        config: of the training, with its source.
        start: name that the estimator was created by.
        backbone: whether the backbone will be trained.

    Raises:
        ConfigurationError: another training was started in this folder.
        DatasetError: there is no true depth.
    """
    earlier = Measured.read(config.output)
    if earlier is not None:
        if (earlier.start, earlier.backbone) != (start, backbone):
            raise ConfigurationError(
                f"{config.output}: a training was started here from {earlier.start} with its backbone "
                f"{'trained' if earlier.backbone else 'frozen'}; go on with that, or choose another output folder"
            )
        model.multiply(earlier.factor)
        return earlier
    before = validate(estimator, validation_images)
    factor = solve_scale(model, config)
    scaled = before
    if validate(estimator, validation_images, factor).abs_rel <= before.abs_rel:
        model.multiply(factor)
        scaled = validate(
            estimator, validation_images
        )  # of the model itself: metres times the factor are rounded otherwise
    else:  # it was solved for on other images
        factor = 1.0
    measured = Measured(start, backbone, factor, before, scaled)
    measured.write(config.output)
    return measured


def solve_scale(model: Trainable, config: TrainingConfig) -> float:
    """The factor that the back end's metres lack: exp of the median over images of the median log ratio to the truth.

    Medians make the sum of absolute log errors least: rims, and images in which nothing is recognised, have no say.
    Where the prefab is k times as large as the one learnt and all else alike, this is k.

    Raises:
        DatasetError: no image that was looked at has true depth.
    """
    ratios: list[float] = []
    source = _source(config)
    source.wait()
    for draw in range(_SCALE_DRAWS):
        torch.manual_seed(config.seed * 1_000_003 + draw)
        rng = np.random.default_rng([config.seed, draw])
        batch = _draw(model, source, rng, config, least_crop=1.0)
        with torch.no_grad():
            ratios += log_ratios(model.log_depth(batch, rng), batch.depth_m)
    if not ratios:
        raise DatasetError("expected images with true depth to train on; of those looked at, none has a known pixel")
    return math.exp(statistics.median(ratios))


def fine_tune(
    model: Trainable, config: TrainingConfig, backbone: bool, judge: Callable[[], DepthMetrics] | None = None
) -> None:
    """Minimise the model's losses on what the source gives; leaves it with the averaged weights.

    Goes on from the checkpoint in the output folder where there is one.

    Args:
        backbone: train the backbone too.
        judge: tells how good the model is now; the weights of its least AbsRel are kept, the start's included.
    """
    parts = model.parts(backbone)

    def step_loss(source: ShardSource, rng: np.random.Generator, progress: float) -> dict[str, Tensor]:
        with torch.autocast(config.device.type, enabled=False):  # 8 bits are too few for depth
            return model.losses(_draw(model, source, rng, config, model.least_crop), rng)

    validation = None
    if judge is not None:
        validation = Validation(functools.partial(_measure, parts, judge), _JUDGEMENTS, patience=0)
    parts.load_state_dict(fit(config, parts, step_loss, validation=validation))


def _measure(parts: nn.Module, judge: Callable[[], DepthMetrics], state: Mapping[str, Tensor]) -> dict[str, float]:
    """The judge's scores of other weights in these parts, the first one larger where it is better."""
    own = {name: value.clone() for name, value in parts.state_dict().items()}
    parts.load_state_dict(state)
    metrics = judge()
    parts.load_state_dict(own)
    return {"1 - AbsRel": 1 - metrics.abs_rel, "RMSE [m]": metrics.rmse, "delta1": metrics.delta1}


def validate(estimator: DepthEstimator, validation_images: ValidationImages, factor: float = 1.0) -> DepthMetrics:
    """Mean depth errors over the validation_images' images at their own size; those without true depth are left out.

    Args:
        factor: what every depth is multiplied by first.

    Raises:
        DatasetError: none has true depth.
    """
    errors = []
    for index in validation_images.progress(validation_images.indices):
        sample = validation_images.samples[index]
        if sample.depth_m is None:
            continue
        with torch.no_grad():  # not inference_mode: what the networks cache would be of no use in training
            image = torch.from_numpy(sample.image).to(estimator.device)
            depth_m = estimator.infer(image, sample.camera).depth_m * factor
        errors.append(depth_metrics(depth_m.cpu().numpy(), sample.depth_m))
    if not errors:
        raise DatasetError(f"expected true depth to judge by; none of {len(validation_images.indices)} images has any")
    return mean_metrics(errors)


def _draw(
    model: Trainable, source: ShardSource, rng: np.random.Generator, config: TrainingConfig, least_crop: float
) -> Batch:
    return draw_batch(source.available(), rng, config.batch, model.area_px, config.device, least_crop)


def _source(config: TrainingConfig) -> ShardSource:
    if config.source is None:
        raise ConfigurationError("expected a source to draw images from, got a configuration without one")
    return config.source
