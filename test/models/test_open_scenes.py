"""Open scenes: compact depth has a network of its own for images that show the sky, and leaves rooms alone."""

from __future__ import annotations

import functools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import ModelError
from unity_depth_perception.models.checkpoints.safetensors_file import load_weights, save_weights
from unity_depth_perception.models.compact.dense.depth_network import CompactDepthNetwork
from unity_depth_perception.models.compact.dense.sky_gate import LEAST_PROBABILITY, SkyGate
from unity_depth_perception.models.compact.depth import DEPTH_WEIGHTS, CompactDepth
from unity_depth_perception.models.engine.accelerated_network import exporting
from unity_depth_perception.synthetic.random_scene import random_scene
from unity_depth_perception.synthetic.render import render
from unity_depth_perception.synthetic.variety import USUAL
from unity_depth_perception.training.compact.depth_network import train_depth
from unity_depth_perception.training.compact.sky_gate import gate_losses
from unity_depth_perception.training.data.batches import Batch
from unity_depth_perception.training.engine.config import TrainingConfig
from unity_depth_perception.training.fine_tuning.trainable_compact import TrainableCompact

CPU = torch.device("cpu")
OPEN_SEED, ROOM_SEED = 880007, 880001  # of scenes that no training has seen


@functools.cache
def scene(kind: str, seed: int) -> tuple[torch.Tensor, torch.Tensor, Camera]:
    """Image, true depth and camera of a virtual scene."""
    made = random_scene(seed, 320, 320, variety=replace(USUAL, kind=kind))
    rendered = render([made])
    return rendered.image[0], rendered.depth_m[0], made.camera


def predicted(model: CompactDepth, kind: str, seed: int) -> torch.Tensor:
    image, _, camera = scene(kind, seed)
    with torch.inference_mode():
        return model.infer(image, camera).depth_m


def test_the_sky_has_infinite_depth_and_the_ground_before_it_has_not() -> None:
    _, true_m, _ = scene("open", OPEN_SEED)
    depth_m = predicted(CompactDepth(CPU), "open", OPEN_SEED)
    sky = true_m.isinf()
    assert 0.05 < float(sky.float().mean()) < 0.95
    assert float(depth_m[sky].isinf().float().mean()) > 0.9
    assert float(depth_m[~sky].isinf().float().mean()) < 0.02


def without_open(path: Path) -> Path:
    """The embedded weights without the networks of open scenes, as a file."""
    state, description = load_weights(DEPTH_WEIGHTS)
    kept = {name: value for name, value in state.items() if not name.startswith(("open.", "sky_gate."))}
    save_weights(path, kept, description)
    return path


def test_rooms_are_predicted_as_without_the_network_of_open_scenes(tmp_path: Path) -> None:
    alone = CompactDepth(CPU, without_open(tmp_path / "rooms.safetensors"))
    assert alone.networks.open is None
    expected = predicted(alone, "room", ROOM_SEED)
    assert torch.equal(predicted(CompactDepth(CPU), "room", ROOM_SEED), expected)
    assert bool(predicted(alone, "open", OPEN_SEED).isfinite().all())  # it has never seen a sky


def test_training_all_networks_refuses_a_start_without_them_at_once(tmp_path: Path) -> None:
    config = TrainingConfig(tmp_path / "run", tmp_path / "pool", start=without_open(tmp_path / "rooms.safetensors"))
    with pytest.raises(ModelError, match=r"expected a tensor open.*fine-tune them on a dataset folder"):
        train_depth(config)
    assert not config.output.exists()


def test_weights_of_the_first_version_predict_as_they_did(tmp_path: Path) -> None:
    """It knew four classes and enlarged bilinearly; today's network of rooms was made from it."""
    state, description = load_weights(without_open(tmp_path / "rooms.safetensors"))
    earlier = {name: value for name, value in state.items() if ".upsampling." not in name}
    for name in ("dense.head.weight", "dense.head.bias"):
        earlier[name] = earlier[name][:20].clone()
    earlier["dense.trust.of_class"] = earlier["dense.trust.of_class"][:4].clone()
    layer = earlier["dense.trust.layers.0.0.weight"]
    earlier["dense.trust.layers.0.0.weight"] = torch.cat([layer[:, :48], layer[:, -4:]], dim=1)
    save_weights(tmp_path / "earlier.safetensors", earlier, description)
    models = [CompactDepth(CPU, tmp_path / f"{name}.safetensors") for name in ("earlier", "rooms")]
    first, second = (predicted(model, "room", ROOM_SEED) for model in models)
    assert torch.allclose(first, second, rtol=1e-5)


def test_the_network_of_open_scenes_is_ready_after_the_preparation_with_a_room() -> None:
    model, seen = CompactDepth(CPU), []
    assert model._open is not None
    model._open.encode = lambda image, rays: (
        seen.append(1)
        or CompactDepthNetwork.encode(  # type: ignore[method-assign,func-returns-value]
            model.networks.open, image, rays
        )
    )
    predicted(model, "room", ROOM_SEED)
    assert not seen
    with exporting():
        predicted(model, "room", ROOM_SEED)
    assert seen


@pytest.mark.parametrize(("height", "width"), [(32, 32), (200, 328), (33, 65)])
def test_the_gate_takes_images_of_any_size(height: int, width: int) -> None:
    image, rays = torch.rand(2, 3, height, width), torch.rand(2, 2, height, width)
    gate, network = SkyGate().eval(), CompactDepthNetwork().eval()
    with torch.inference_mode():
        encoding = network.encode(image, rays)
        logits, cells = gate(encoding.coarsest, encoding.skips[-1], rays)
        assert cells.shape == (2, *encoding.coarsest.shape[2:])
        assert torch.equal(gate.is_open(encoding, rays), logits.sigmoid() > LEAST_PROBABILITY)


def test_the_gate_learns_from_images_with_much_sky_and_without() -> None:
    is_sky = torch.zeros(3, 40, 40, dtype=torch.bool)
    is_sky[0, :20] = True
    is_sky[1, 0, :5] = True  # a third of a per cent decides nothing
    cells = torch.zeros(3, 2, 2)
    right, wrong = (gate_losses(torch.tensor(logits), cells, is_sky) for logits in ([9.0, 0, -9.0], [-9.0, 0, 9.0]))
    undecided = gate_losses(torch.tensor([9.0, 5.0, -9.0]), cells, is_sky)
    assert float(right["sky in image"]) < 0.01 < float(wrong["sky in image"])
    assert torch.equal(undecided["sky in image"], right["sky in image"])
    of_cells = torch.where(torch.tensor([[True, True], [False, False]]), 9.0, -9.0)
    better = gate_losses(torch.zeros(1), of_cells[None], is_sky[:1])["sky in cells"]
    assert float(better) < 0.01 < float(gate_losses(torch.zeros(1), -of_cells[None], is_sky[:1])["sky in cells"])


def test_fine_tuning_sends_each_image_to_the_network_that_it_gets() -> None:
    model = CompactDepth(CPU)
    trainable = TrainableCompact(model)
    batch = batch_of_scenes(("room", ROOM_SEED), ("open", OPEN_SEED))
    both = trainable.log_depth(batch, np.random.default_rng(0))
    assert model.networks.open is not None
    for index, network in enumerate((model.networks.dense, model.networks.open)):
        alone = batch.select(torch.tensor([index == 0, index == 1]))
        expected = trainable._log_depth_by(network, alone, np.random.default_rng(0))
        assert torch.allclose(both[index], expected[0], atol=1e-5)
    trainable.scale_depth(2.0)
    assert float(model.networks.open.log_scale) == pytest.approx(np.log(2))
    assert set(trainable.weights()[0]) == set(load_weights(DEPTH_WEIGHTS)[0])


def batch_of_scenes(*scenes: tuple[str, int]) -> Batch:
    """A batch without annotated objects."""
    images, depths, cameras = zip(*(scene(*each) for each in scenes), strict=True)
    image = torch.stack([each.permute(2, 0, 1).float() / 255 for each in images])
    count = len(images)
    return Batch(
        image=image,
        depth_m=torch.stack(list(depths)),
        instances=torch.zeros(count, *image.shape[2:], dtype=torch.uint8),
        category=torch.full((count, 1), -1),
        intrinsics=torch.tensor([[c.fx, c.fy, c.cx, c.cy] for c in cameras], dtype=torch.float32),
        floor=torch.full((count, 4), torch.nan),
    )
