"""Virtual scenes as samples: image, camera, exact depth, instances, objects with true distances and parents."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray

from unity_depth_perception.core.objects import ObjectDistance
from unity_depth_perception.dataset.sample import Sample
from unity_depth_perception.models.protocols import Segmentation
from unity_depth_perception.pipeline import relate
from unity_depth_perception.synthetic.layout import random_scene
from unity_depth_perception.synthetic.render import render
from unity_depth_perception.synthetic.scene import CUBE_EDGE_M, LEAST_VISIBLE_RATIO, Scene


def render_samples(
    seeds: Iterable[int],
    width: int,
    height: int,
    fov_rad: float | None = None,
    device: torch.device | str = "cpu",
    edge_m: float = CUBE_EDGE_M,
) -> list[Sample]:
    """The scenes of some seeds, each from a camera of width x height px; the field of view is drawn unless given."""
    return [render_sample(random_scene(seed, width, height, fov_rad, edge_m), device) for seed in seeds]


def render_sample(scene: Scene, device: torch.device | str = "cpu") -> Sample:
    """One scene with all its ground truth. Objects of which too little is seen are left out, as in annotations."""
    rendering = render([scene], device)
    depth_m, boxes = rendering.depth_m[0], rendering.boxes[0].long()
    pixels = torch.bincount((boxes + 1).flatten(), minlength=len(scene.boxes) + 1)[1:]
    visible = (pixels >= max(1, LEAST_VISIBLE_RATIO * boxes.numel())).nonzero().squeeze(1).tolist()
    numbers = torch.zeros(len(scene.boxes) + 1, dtype=torch.int32, device=boxes.device)
    numbers[[index + 1 for index in visible]] = torch.arange(
        1, len(visible) + 1, dtype=torch.int32, device=boxes.device
    )
    categories = tuple(scene.boxes[index].category for index in visible)
    segmentation = Segmentation(numbers[boxes + 1], categories, (1.0,) * len(categories))
    _, measured, _ = relate(depth_m, segmentation, scene.camera, scene.world_from_camera)
    return Sample(
        name=f"{scene.seed:05d}.png",
        image=rendering.image[0].cpu().numpy(),
        camera=scene.camera,
        objects=_with_true_parents(scene, visible, measured),
        depth_m=depth_m.cpu().numpy(),
        instances=_uint16(segmentation.instances),
        world_from_camera=scene.world_from_camera,
    )


def _with_true_parents(
    scene: Scene, visible: list[int], objects: tuple[ObjectDistance, ...]
) -> tuple[ObjectDistance, ...]:
    """The measured objects with the scene's own parents; a parent of which too little is seen counts as none."""
    ids = {box: id_ for id_, box in enumerate(visible)}
    parents = (scene.boxes[box].parent for box in visible)
    return tuple(
        item.with_parent(None if parent is None else ids.get(parent))
        for item, parent in zip(objects, parents, strict=True)
    )


def _uint16(instances: torch.Tensor) -> NDArray[np.uint16]:
    return instances.cpu().numpy().astype(np.uint16)
