"""One reconstruction of a window of keyframes: which way leads to their depth, and the scene."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.export.scene import Scene
from unity_depth_perception.models.depth_anything_3.estimator import AnyViewDepth, NestedDepth
from unity_depth_perception.models.protocols import DepthEstimator
from unity_depth_perception.reconstruction.depth_of_views import DepthConfig, Track, common_source
from unity_depth_perception.reconstruction.fusion import FusionConfig
from unity_depth_perception.reconstruction.live.keyframe_window import Keyframe
from unity_depth_perception.reconstruction.reconstruct import ReconstructionConfig, reconstruct, scale_in_words

_MAX_VOXELS = 1 << 22  # half of the command's: coarser, twice as fast, 130 MB
_TRUNCATION_VOXELS = 8.0  # estimated depth differs between views by more than a voxel
_CONFIDENCE_PERCENTILE = 40.0  # as the command's default


@dataclass(frozen=True)
class WindowReconstruction:
    """What is reconstructed, and how.

    An any-view model estimates the depth of all keyframes anew, together; otherwise the depth that each frame got when
    it was processed is fused.

    Attributes:
        keyframes: two or more; all with poses, or, for an any-view model, all without.
        estimator: the depth model that processed them; None: their depth came from elsewhere.
    """

    keyframes: Sequence[Keyframe]
    estimator: DepthEstimator | None

    def __post_init__(self) -> None:
        if len(self.keyframes) < 2:
            raise InputError(f"expected two or more keyframes, got {len(self.keyframes)}: move the camera")
        if not (self.has_poses or self.is_any_view):
            raise InputError("expected keyframes with camera poses, got none: only an any-view model finds poses")

    @property
    def has_poses(self) -> bool:
        """Whether the poses of the camera are given, and with them the world frame."""
        return self.keyframes[0].view.world_from_camera is not None

    @property
    def is_any_view(self) -> bool:
        """Whether the depth model looks at all keyframes together."""
        return isinstance(self.estimator, AnyViewDepth)

    @property
    def scale(self) -> str:
        """Where lengths come from, in words."""
        if self.is_any_view:
            unposed = "focal" if isinstance(self.estimator, NestedDepth) else "none"
            return scale_in_words("poses" if self.has_poses else unposed)
        source = self._own_source
        return "parameter metres_per_unit" if source == "given" else scale_in_words(source)

    def run(self, track: Track) -> Scene:
        """The scene: fused cloud, one view per keyframe; `track` may show progress, or raise to end it.

        Raises:
            InputError: the poses coincide, no depth is valid, or no two keyframes see the same surface.
        """
        depth = DepthConfig(own_depth_source=None if self.is_any_view else self._own_source)
        fusion = FusionConfig(
            truncation_voxels=_TRUNCATION_VOXELS,
            confidence_percentile=_CONFIDENCE_PERCENTILE,
            max_voxels=_MAX_VOXELS,
        )
        views = [keyframe.view for keyframe in self.keyframes]
        estimator = self.estimator if self.is_any_view else None
        scene = reconstruct(views, estimator, ReconstructionConfig(depth, fusion), track).scene
        if not len(scene.points_m):
            raise InputError(f"no two of {len(views)} keyframes see the same surface: move the camera more slowly")
        return scene

    @property
    def _own_source(self) -> str:
        return common_source({keyframe.scale_source for keyframe in self.keyframes})
