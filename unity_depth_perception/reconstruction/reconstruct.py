"""Reconstruction of a scene from its views: depth, one scale, one frame, one cloud."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from unity_depth_perception.export.scene import Scene, SceneView
from unity_depth_perception.models.protocols import DepthEstimator
from unity_depth_perception.reconstruction.depth_of_views import DepthConfig, PosedDepth, Track, depth_of_views
from unity_depth_perception.reconstruction.fusion import FusionConfig, fuse_views
from unity_depth_perception.reconstruction.sources.input_view import InputView


@dataclass(frozen=True)
class ReconstructionConfig:
    """How views become a scene: their depth, and its fusion."""

    depth: DepthConfig = field(default_factory=DepthConfig)
    fusion: FusionConfig = field(default_factory=FusionConfig)


@dataclass(frozen=True)
class Reconstruction:
    """A scene, and the depth that it was fused from."""

    scene: Scene
    posed: PosedDepth

    @property
    def scale(self) -> str:
        """Where lengths come from: given poses, true depth, metric model, or none."""
        return scale_in_words(self.scene.scale_source)


def scale_in_words(source: str) -> str:
    """Where lengths of a reconstruction come from, of a scale source (one of SCALE_SOURCES)."""
    names = {"poses": "given poses", "given": "true depth and given poses", "none": "none"}
    return names.get(source, "metric model")


def reconstruct(
    views: Sequence[InputView],
    estimator: DepthEstimator | None,
    config: ReconstructionConfig = ReconstructionConfig(),
    track: Track = lambda items, stage: items,
) -> Reconstruction:
    """Reconstruct the scene that the views show.

    Args:
        views: in order; poses and cameras where they are known.
        estimator: depth model; None: the views' own depth.
        track: may show progress of the stages depth and fusion.

    Raises:
        InputError: the views lack what the model needs (see `depth_of_views`), or nothing can be fused.
    """
    posed = depth_of_views(views, estimator, config.depth, track)
    surface = fuse_views(posed.views, config.fusion, lambda items: track(items, "fusion"))
    scene = Scene(
        points_m=surface.points.numpy(),
        colours=surface.colours.numpy(),
        normals=surface.normals.numpy(),
        confidence=surface.views.numpy().astype(np.float32),
        views=tuple(
            SceneView(
                view.name,
                view.camera,
                view.world_from_camera,
                view.depth_m.numpy(),
                view.image.numpy(),
                None if view.confidence is None else view.confidence.numpy(),
            )
            for view in posed.views
        ),
        world=_world(posed, config.depth),
        scale_source=posed.scale_source,
        is_metric=posed.is_metric,
        gaussians=posed.gaussians,
    )
    return Reconstruction(scene, posed)


def _world(posed: PosedDepth, config: DepthConfig) -> str:
    if not posed.has_given_poses:
        return "optical"
    return "z_up" if config.poses_in_metres else "given"
