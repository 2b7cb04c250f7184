"""Scenes rendered ahead of time, so that publishing keeps its rate."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.ros.ground_truth import SampleMessages, sample_messages
from unity_depth_perception.synthetic.samples import render_samples

RenderScene = Callable[[int], Sample]


def scene_renderer(width: int, height: int, vertical_fov_deg: float) -> RenderScene:
    """Seed -> sample of this size; a field of view of 0 lets each scene draw its own."""
    fov_rad = math.radians(vertical_fov_deg) if vertical_fov_deg > 0 else None

    def render(seed: int) -> Sample:
        return render_samples(seeds=[seed], width=width, height=height, fov_rad=fov_rad)[0]

    return render


class SceneFeed:
    """The messages of one scene after another, the next one rendered in the background."""

    def __init__(self, render: RenderScene, first_seed: int) -> None:
        """Renders the first scene before it returns."""
        self._render = render
        self._seed = first_seed
        # Linux counts niceness per thread: rendering ahead gives way to whatever looks at the images.
        self._pool = ThreadPoolExecutor(max_workers=1, initializer=lambda: os.nice(10))
        self._next = self._submit()
        self.current = self._next.result()
        self._next = self._submit()

    def advance(self) -> bool:
        """Go to the next scene if it is ready; whether it was."""
        if not self._next.done():
            return False
        self.current = self._next.result()
        self._next = self._submit()
        return True

    def close(self, timeout_s: float) -> bool:
        """Render no further; whether the rendering thread ended in time."""
        self._pool.shutdown(wait=False, cancel_futures=True)
        return not wait([self._next], timeout_s).not_done

    def _submit(self) -> Future[SampleMessages]:
        seed, self._seed = self._seed, self._seed + 1
        return self._pool.submit(lambda: sample_messages(self._render(seed)))
