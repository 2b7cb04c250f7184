"""One contender of benchmarks/engines.py: `python benchmarks/engine_worker.py ACCELERATION SCENE.npz`.

It runs the embedded pipeline of the package that PYTHONPATH names: a frame for each line on stdin, its times as JSON on
stdout. ACCELERATION `earlier` is a version of the package without inference engines.
"""

from __future__ import annotations

import json
import sys
import time
from typing import Any

import numpy as np
import torch

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.models.registry import create_depth_estimator, create_segmenter
from unity_depth_perception.ops.cloud import pack_cloud
from unity_depth_perception.pipeline import Frame, PerceptionPipeline

CPU = torch.device("cpu")


def embedded(acceleration: str, camera: Camera) -> PerceptionPipeline:
    """The embedded pipeline, prepared for images of this camera."""
    if acceleration == "earlier":
        return PerceptionPipeline(create_depth_estimator("compact", CPU), create_segmenter("compact", CPU))
    from unity_depth_perception.models.runtime.options import DepthOptions
    from unity_depth_perception.pipeline.warm_up import warm_up

    pipeline = PerceptionPipeline(
        create_depth_estimator("compact", CPU, None, DepthOptions(acceleration=acceleration)),
        create_segmenter("compact", CPU, acceleration),
    )
    warm_up(pipeline, camera)
    return pipeline


def perceive(pipeline: PerceptionPipeline, frame: Frame) -> dict[str, Any]:
    """Times [s] of one frame, from the image to the bytes of depth image and cloud."""
    start_s, start_cpu_s = time.perf_counter(), time.process_time()
    result = pipeline.process(frame)
    processed_s = time.perf_counter()
    cloud = pack_cloud(result.depth.depth_m, torch.from_numpy(frame.image), frame.camera)
    for tensor in (result.depth.depth_m, cloud):
        bytearray(tensor.numpy().data.cast("B"))
    end_s = time.perf_counter()
    stages = {**result.stage_s, "packing": end_s - processed_s}
    return {"wall_s": end_s - start_s, "cpu_s": time.process_time() - start_cpu_s, "stages": stages}


def main() -> None:
    """Answer each line with the times of a frame."""
    with np.load(sys.argv[2]) as data:
        image = data["image"]
        camera = Camera.from_k(data["k"], image.shape[1], image.shape[0])
    frame, pipeline = Frame(image, camera), embedded(sys.argv[1], camera)
    for _ in range(2):
        perceive(pipeline, frame)
    print("ready", flush=True)
    for _ in sys.stdin:
        print(json.dumps(perceive(pipeline, frame)), flush=True)


if __name__ == "__main__":
    main()
