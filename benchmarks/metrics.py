"""Time to score a frame: `python benchmarks/metrics.py [--size 1024] [--frames 8]`, on one core, basic and all metrics.

It renders a scene, adds noise to its depth, and prints the least processor time of a frame for each part.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import replace

import numpy as np
import torch

from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.evaluation.coco_ap import CocoEvaluation
from unity_depth_perception.evaluation.ground_truth import true_depth, true_objects
from unity_depth_perception.evaluation.metrics.collection import LEVELS, MetricsCollection
from unity_depth_perception.evaluation.objects import match_result, score_objects
from unity_depth_perception.pipeline import Frame, PerceptionPipeline, PerceptionResult
from unity_depth_perception.synthetic.random_scene import random_scene
from unity_depth_perception.synthetic.samples import render_sample

CPU = torch.device("cpu")


def perceived(sample: Sample) -> PerceptionResult:
    """The pipeline's result with true masks, and with true depth plus 2 % of noise and 10 % of scale."""
    assert sample.depth_m is not None
    noise = np.random.default_rng(0).normal(1.1, 0.02, sample.depth_m.shape)
    depth_m = torch.from_numpy((sample.depth_m * noise).astype(np.float32))
    pipeline, segmentation = PerceptionPipeline(None, None, CPU), true_objects(sample, CPU).segmentation
    frame = Frame(sample.image, sample.camera)
    result = pipeline.process(frame, depth=true_depth(sample, CPU), segmentation=segmentation)
    return replace(result, depth=replace(result.depth, depth_m=depth_m))


def score(sample: Sample, result: PerceptionResult, metrics: MetricsCollection, coco: CocoEvaluation) -> None:
    """What `Evaluator` does with a result."""
    truth = true_objects(sample, CPU)
    matches = match_result(result, truth)
    score_objects(result, truth, matches)
    coco.add(result.segmentation, truth.segmentation)
    metrics.add(sample, result, truth, matches.same_category)


def main() -> None:
    """Print the times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--size", type=int, default=1024, help="width and height of the frames [px]")
    parser.add_argument("--frames", type=int, default=8, help="frames of each level")
    parser.add_argument("--seed", type=int, default=5, help="of the scene")
    options = parser.parse_args()
    torch.set_num_threads(1)
    sample = render_sample(random_scene(options.seed, options.size, options.size))
    result = perceived(sample)
    print(f"{options.size} x {options.size}, {len(sample.objects)} objects, one core, least of {options.frames} frames")
    for level in LEVELS:
        metrics, coco = MetricsCollection(level), CocoEvaluation()
        frames = [replace(sample, stamp_ns=(k + 1) * 10**8) for k in range(options.frames)]
        times = []
        for one in frames:
            start = time.process_time()
            score(one, result, metrics, coco)
            times.append(1000 * (time.process_time() - start))
        print(f"  {level:6} {min(times[1:]):6.1f} ms a frame")


if __name__ == "__main__":
    main()
