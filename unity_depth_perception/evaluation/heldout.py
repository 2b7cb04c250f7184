"""Held-out virtual scenes from cameras of many focal lengths and proportions, for measurements of accuracy."""

from __future__ import annotations

from dataclasses import replace

from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.synthetic.random_scene import random_scene
from unity_depth_perception.synthetic.samples import render_sample
from unity_depth_perception.synthetic.seeds import scene_seed
from unity_depth_perception.synthetic.variety import USUAL, Variety

_SIZES = ((640, 480), (512, 512), (672, 378), (480, 640))


class HeldOutScenes:
    """A dataset in memory, rendered on first use; each image has its own camera."""

    def __init__(self, count: int, seed: int, variety: Variety = USUAL) -> None:
        self.names = [f"{index:05d}.png" for index in range(count)]
        self._seed = seed
        self._variety = variety
        self._samples: dict[int, Sample] = {}

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Sample:
        if index not in self._samples:
            width, height = _SIZES[index % len(_SIZES)]
            scene = random_scene(scene_seed(self._seed, index), width, height, variety=self._variety)
            sample = render_sample(scene)
            self._samples[index] = replace(sample, name=self.names[index])
        return self._samples[index]
