"""The pool of rendered scenes that trainings draw from."""

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from unity_depth_perception.core.errors import ConfigurationError
from unity_depth_perception.synthetic.seeds import FIRST_TRAINING_SEED
from unity_depth_perception.synthetic.variety import draw_kind
from unity_depth_perception.training.data import scene_pool
from unity_depth_perception.training.data.batches import draw_batch
from unity_depth_perception.training.data.scene_pool import SHARD_IMAGES, ScenePool, fill, render_shard
from unity_depth_perception.training.data.shards import Shard, load_shard, remove_shard, save_shard


def test_pool_renders_reserved_seeds_and_reuses_shards(pool: Path, shard: Shard) -> None:
    before = shard.image.copy()
    fill(pool, 1)  # nothing is missing
    assert np.array_equal(ScenePool(pool, SHARD_IMAGES).available()[0].image, before)
    assert len(shard.image) == SHARD_IMAGES


def test_pool_of_mixed_kinds_has_sky_and_levels_beside_the_pool_of_rooms(
    pool: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scene_pool, "_IMAGE_AREA", 128 * 128)
    kinds = ("room", "open", "table", "table")
    mixed, shard = render_shard(0, kinds=kinds), render_shard(0)
    save_shard(mixed, tmp_path)
    again = load_shard(tmp_path)
    assert again.levels is not None
    assert np.array_equal(again.levels, mixed.levels, equal_nan=True)
    sky = np.isinf(again.depth_m).any(axis=(1, 2))
    raised = np.isfinite(again.levels[:, 1])
    assert 2 <= sky.sum() < SHARD_IMAGES
    assert 8 <= raised.sum() < SHARD_IMAGES
    assert not np.isnan(again.depth_m).any()
    assert np.allclose(again.levels[:, 0], again.floor[:, 3])
    assert (np.nanmax(again.levels[raised], axis=1) > again.levels[raised, 0]).all()  # the floor below
    assert (again.instances[np.isinf(again.depth_m)] == 0).all()
    assert np.isinf(shard.depth_m).sum() == 0
    rooms = [draw_kind(FIRST_TRAINING_SEED + k, kinds) == "room" for k in range(SHARD_IMAGES)]
    assert any(rooms)
    assert all(np.array_equal(mixed.image[k], shard.image[k]) for k in np.flatnonzero(rooms))
    other = ScenePool.__new__(ScenePool)
    other.folder, other._kinds = pool, kinds
    assert not other._path(0).exists()
    assert (pool / "00000").exists()
    batch = draw_batch([again], np.random.default_rng(0), 8, 96 * 96, torch.device("cpu"), least_crop=0.7)
    assert batch.levels is not None
    assert batch.levels.shape == (8, again.levels.shape[1])
    remove_shard(tmp_path)
    assert not tmp_path.exists()


@pytest.mark.long
def test_pool_renders_with_several_processes_on_many_cores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 12)
    pool = ScenePool(tmp_path, 2 * SHARD_IMAGES)
    try:
        assert len(pool._workers) == 2  # no more than there are shards
        pool.wait(2)
        assert [len(shard.image) for shard in pool.available()] == [SHARD_IMAGES] * 2
    finally:
        pool.close()
    assert not any(worker.is_alive() for worker in pool._workers)
    assert ScenePool(tmp_path, 2 * SHARD_IMAGES)._workers == []


def test_pool_refuses_fewer_images_than_a_shard(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="at least 32 images"):
        ScenePool(tmp_path, 3)


@pytest.mark.slow
def test_renderers_end_with_a_killed_training_and_its_leftovers_are_removed(tmp_path: Path) -> None:
    code = (
        "import sys, time, pathlib\n"
        "from unity_depth_perception.training.data.scene_pool import ScenePool\n"
        "if __name__ == '__main__':\n"
        "    pool = ScenePool(pathlib.Path(sys.argv[1]), 64)\n"
        "    print(*[worker.pid for worker in pool._workers], flush=True)\n"
        "    time.sleep(600)\n"
    )
    script = tmp_path / "train.py"
    script.write_text(code)
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    training = subprocess.Popen(
        [sys.executable, str(script), str(tmp_path / "pool")], stdout=subprocess.PIPE, text=True, env=environment
    )
    assert training.stdout is not None
    renderers = [int(pid) for pid in training.stdout.readline().split()]
    assert renderers
    deadline = time.monotonic() + 120
    while not list((tmp_path / "pool").glob(".partial-*")) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert list((tmp_path / "pool").glob(".partial-*"))
    training.kill()
    training.wait()
    while any(_is_alive(pid) for pid in renderers) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not any(_is_alive(pid) for pid in renderers)
    pool = ScenePool(tmp_path / "pool", SHARD_IMAGES)
    pool.close()
    assert len(list((tmp_path / "pool").glob(".partial-*"))) <= len(pool._workers)


def _is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_damaged_shard_is_rendered_again(pool: Path, tmp_path: Path) -> None:
    copy = tmp_path / "pool"
    shutil.copytree(pool, copy)
    image = copy / "00000" / "image.npy"
    image.write_bytes(image.read_bytes()[:1000])
    again = ScenePool(copy, SHARD_IMAGES)
    again.close()
    assert not (copy / "00000" / "image.npy").exists() or len(again.available()) == 1
