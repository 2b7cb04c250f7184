"""Fine-tuning of a depth back end by `train-depth`: scale alignment in closed form, then gradient descent."""

from __future__ import annotations

import functools
import math
import statistics
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from unity_depth_perception.core.errors import ConfigurationError, DatasetError
from unity_depth_perception.core.files.atomic_file import write_json
from unity_depth_perception.core.files.json_file import read_json_object
from unity_depth_perception.core.metrics import DepthMetrics, depth_metrics, mean_metrics
from unity_depth_perception.dataset.sample import Progress, SampleSource
from unity_depth_perception.models.protocols import DepthEstimator
from unity_depth_perception.training.data.batches import Batch, draw_batch
from unity_depth_perception.training.data.shards import ShardSource
from unity_depth_perception.training.engine.config import TrainingConfig
from unity_depth_perception.training.engine.fit import fit
from unity_depth_perception.training.engine.validation import Validation
from unity_depth_perception.training.fine_tuning.silog import log_ratios
from unity_depth_perception.training.fine_tuning.trainable import Trainable

_RECORD = "fine_tuning.json"
_VALIDATIONS = 8  # of a training, beside that of the initial weights
_PATIENCE = 3  # of them without improvement end it
_SCALE_BATCHES = 8  # from which the scale is solved


@dataclass(frozen=True)
class ValidationImages:
    """Images that are not trained on.

    Attributes:
        samples, indices: source of the images, and their indices in it.
        progress: wraps the iteration over the indices, for a progress bar.
    """

    samples: SampleSource
    indices: Sequence[int]
    progress: Progress = iter


@dataclass(frozen=True)
class Baseline:
    """Validation errors before the first training step; kept in a file, which a resumed training reads.

    Attributes:
        start: name of the model that the training starts from.
        backbone: whether the backbone is trained too.
        factor: scale factor given to the model; 1 if the solved one does not improve the validation errors.
        before, scaled: validation errors of the model as loaded, and with the factor.
    """

    start: str
    backbone: bool
    factor: float
    before: DepthMetrics
    scaled: DepthMetrics

    def write(self, folder: Path, after: DepthMetrics | None = None) -> None:
        """Write fine_tuning.json, with the validation errors after the training if there are any yet."""
        folder.mkdir(parents=True, exist_ok=True)
        content = {**asdict(self), "after": None if after is None else asdict(after)}
        write_json(folder / _RECORD, content)

    @classmethod
    def read(cls, folder: Path) -> Baseline | None:
        """The baseline that an earlier call wrote to a folder, or None."""
        if not (folder / _RECORD).is_file():
            return None
        content = read_json_object(folder / _RECORD, "the record of an earlier training", ConfigurationError)
        try:
            before, scaled = DepthMetrics(**content["before"]), DepthMetrics(**content["scaled"])
            return cls(content["start"], content["backbone"], float(content["factor"]), before, scaled)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ConfigurationError(
                f"{folder / _RECORD}: damaged ({error!r}); remove it, and the training measures again"
            ) from None


def align_scale(
    estimator: DepthEstimator,
    model: Trainable,
    config: TrainingConfig,
    validation_images: ValidationImages,
    start: str,
    backbone: bool,
) -> Baseline:
    """Scale the model by the factor that aligns it with the true depth, if that improves the validation errors.

    Args:
        estimator: back end that `model` wraps.
        config: of the training; its `source` is a dataset.
        start, backbone: as in `Baseline`.

    Raises:
        ConfigurationError: another training was started in this folder.
        DatasetError: there is no true depth.
    """
    earlier = Baseline.read(config.output)
    if earlier is not None:
        if (earlier.start, earlier.backbone) != (start, backbone):
            raise ConfigurationError(
                f"{config.output}: a training was started here from {earlier.start} with its backbone "
                f"{'trained' if earlier.backbone else 'frozen'}; go on with that, or choose another output folder"
            )
        model.scale_depth(earlier.factor)
        return earlier
    before = validate(estimator, validation_images)
    factor = solve_scale(model, config)
    scaled = before
    if validate(estimator, validation_images, factor).abs_rel <= before.abs_rel:
        model.scale_depth(factor)
        scaled = validate(estimator, validation_images)  # again: the scaled model rounds differently
    else:  # possible, as it is solved on the training images
        factor = 1.0
    baseline = Baseline(start, backbone, factor, before, scaled)
    baseline.write(config.output)
    return baseline


def solve_scale(model: Trainable, config: TrainingConfig) -> float:
    """Scale factor to the true depth: exp of the median over images of the median log ratio of truth to prediction.

    Medians are robust to object borders and to images on which the model fails. If the cubes are k times as large as
    those that the model was trained on and all else is equal, the factor is k.

    Raises:
        DatasetError: none of the drawn images has true depth.
    """
    ratios: list[float] = []
    source = _source(config)
    source.wait()
    for draw in range(_SCALE_BATCHES):
        torch.manual_seed(config.seed * 1_000_003 + draw)
        rng = np.random.default_rng([config.seed, draw])
        batch = _draw(model, source, rng, config, least_crop=1.0)
        with torch.no_grad():
            ratios += log_ratios(model.log_depth(batch, rng), batch.depth_m)
    if not ratios:
        raise DatasetError("expected images with true depth to train on; none of those drawn has a valid pixel")
    return math.exp(statistics.median(ratios))


def fine_tune(
    model: Trainable, config: TrainingConfig, backbone: bool, measure: Callable[[], DepthMetrics] | None = None
) -> None:
    """Train the model on the configured source and load its EMA weights into it; resumes from a checkpoint.

    Args:
        backbone: whether to train the backbone too.
        measure: returns the current validation errors; the weights with the lowest AbsRel, initial ones included,
            are kept, and the training ends where they do not fall.
    """
    parts = model.parts(backbone)

    def step_loss(source: ShardSource, rng: np.random.Generator, progress: float) -> dict[str, Tensor]:
        with torch.autocast(config.device.type, enabled=False):  # the 8 bits of bfloat16 are too few for depth
            return model.losses(_draw(model, source, rng, config, model.least_crop), rng)

    validation = None
    if measure is not None:
        measured = functools.partial(_measure_weights, parts, measure)
        validation = Validation(measured, _VALIDATIONS, _PATIENCE, from_start=True, lower_is_better=True)
    parts.load_state_dict(fit(config, parts, step_loss, validation=validation))


def _measure_weights(
    parts: nn.Module, measure: Callable[[], DepthMetrics], state: Mapping[str, Tensor]
) -> dict[str, float]:
    """Validation errors of the weights `state`, loaded into `parts` for the time being."""
    own = {name: value.clone() for name, value in parts.state_dict().items()}
    parts.load_state_dict(state)
    metrics = measure()
    parts.load_state_dict(own)
    return {"AbsRel": metrics.abs_rel, "RMSE [m]": metrics.rmse, "delta1": metrics.delta1}


def validate(estimator: DepthEstimator, validation_images: ValidationImages, factor: float = 1.0) -> DepthMetrics:
    """Mean depth errors over the validation images, at full size; images without true depth are skipped.

    Args:
        factor: multiplies the predicted depth.

    Raises:
        DatasetError: no image has true depth.
    """
    errors = []
    for index in validation_images.progress(validation_images.indices):
        sample = validation_images.samples[index]
        if sample.depth_m is None:
            continue
        with torch.no_grad():  # not inference_mode: the networks cache tensors, which training could not use then
            image = torch.from_numpy(sample.image).to(estimator.device)
            depth_m = estimator.infer(image, sample.camera).depth_m * factor
        errors.append(depth_metrics(depth_m.cpu().numpy(), sample.depth_m))
    if not errors:
        raise DatasetError(
            f"expected true depth to validate on; none of {len(validation_images.indices)} images has any"
        )
    return mean_metrics(errors)


def _draw(
    model: Trainable, source: ShardSource, rng: np.random.Generator, config: TrainingConfig, least_crop: float
) -> Batch:
    return draw_batch(source.available(), rng, config.batch, model.area_px, config.device, least_crop)


def _source(config: TrainingConfig) -> ShardSource:
    if config.source is None:
        raise ConfigurationError("expected a configuration with a source of training images, got one without")
    return config.source
