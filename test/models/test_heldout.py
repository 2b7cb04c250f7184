"""Held-out scenes, and the ranking of models by `benchmark models`."""

import json
import math
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from unity_depth_perception.evaluation.heldout import HeldOutScenes
from unity_depth_perception.synthetic.seeds import FIRST_DATASET_SEED, FIRST_TRAINING_SEED, scene_seed
from unity_depth_perception.synthetic.variety import KINDS, USUAL, WIDE
from unity_depth_perception.training.data.scene_pool import SHARD_IMAGES


def test_no_pool_of_a_million_shards_reaches_a_held_out_scene() -> None:
    last_of_a_large_pool = FIRST_TRAINING_SEED + 1_000_000 * SHARD_IMAGES
    assert last_of_a_large_pool < FIRST_DATASET_SEED <= scene_seed(0, 0)


def test_held_out_scenes_come_from_many_cameras_and_stay_the_same() -> None:
    scenes, again = HeldOutScenes(8, seed=3), HeldOutScenes(8, seed=3)
    cameras = [scenes[index].camera for index in range(8)]
    assert len({(camera.width, camera.height) for camera in cameras}) == 4
    assert len({camera.vertical_fov_rad for camera in cameras}) == 8
    assert np.array_equal(scenes[5].image, again[5].image)
    assert scenes[5].name == scenes.names[5]


def test_wide_scenes_are_other_scenes_of_the_same_seeds() -> None:
    usual, wide = HeldOutScenes(8, seed=3), HeldOutScenes(8, seed=3, variety=WIDE)
    fields = [math.degrees(wide[index].camera.vertical_fov_rad) for index in range(8)]
    assert not all(40 <= field <= 75 for field in fields)
    assert usual[0].camera != wide[0].camera


def test_kinds_of_held_out_scenes_have_their_own_scenes_of_the_same_seeds() -> None:
    room, outdoors, table = (HeldOutScenes(3, seed=3, variety=replace(USUAL, kind=kind))[1] for kind in KINDS)
    assert np.array_equal(room.image, HeldOutScenes(3, seed=3)[1].image)
    assert np.isinf(outdoors.depth_m).any()
    assert not np.isinf(room.depth_m).any()
    assert not np.array_equal(table.image, room.image)


def test_benchmark_models_ranks_truth_above_network_above_floor_plane_baseline(tmp_path: Path) -> None:
    output = tmp_path / "numbers.json"
    command = [sys.executable, "-m", "unity_depth_perception.cli.main", "benchmark", "models", "--count", "8"]
    done = subprocess.run([*command, "--output", str(output)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    reports = json.loads(output.read_text())
    truth, network, mean_camera = (
        reports[name] for name in ("true depth and masks", "compact depth, true masks", "floor-plane, true masks")
    )
    assert truth["depth"]["abs_rel"] == 0
    assert truth["depth"]["abs_rel"] < network["depth"]["abs_rel"] < 0.6 * mean_camera["depth"]["abs_rel"]
    assert truth["objects"]["precision"] == truth["objects"]["recall"] == 1
    assert truth["objects"]["parent_f1"] >= 0.9
    assert "abs_rel" in done.stdout
