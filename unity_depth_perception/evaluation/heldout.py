"""Virtual scenes that nothing trained on, from cameras of many lenses and proportions: what accuracy is measured on."""

from __future__ import annotations

from dataclasses import replace

from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.synthetic.layout import random_scene
from unity_depth_perception.synthetic.samples import render_sample
from unity_depth_perception.synthetic.seeds import scene_seed

_SIZES = ((640, 480), (512, 512), (672, 378), (480, 640))


class HeldOutScenes:
    """A dataset in memory, rendered on first use: each image has a camera of its own."""

    def __init__(self, count: int, seed: int) -> None:
        self.names = [f"{index:05d}.png" for index in range(count)]
        self._seed = seed
        self._samples: dict[int, Sample] = {}

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, index: int) -> Sample:
        if index not in self._samples:
            width, height = _SIZES[index % len(_SIZES)]
            sample = render_sample(random_scene(scene_seed(self._seed, index), width, height))
            self._samples[index] = replace(sample, name=self.names[index])
        return self._samples[index]
