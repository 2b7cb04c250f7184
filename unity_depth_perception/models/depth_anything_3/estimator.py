"""Depth estimators with the networks of Depth Anything 3; in metres where the variant or the camera allows it.

Nothing here synchronises with the GPU, and nothing is sampled: the same image gives the same depth. Depth is resized to
the image by `ops.resize.resize_depth`, bilinear on a surface and nearest across an edge, so that no points float
between an object and its background.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.models.checkpoints.hub import locate_weights, read_tensors
from unity_depth_perception.models.depth_anything_3.alignment import metres_from, metric_scale, with_sky
from unity_depth_perception.models.depth_anything_3.gaussians import require_gaussian_head
from unity_depth_perception.models.depth_anything_3.multi_view import (
    REFERENCE_VIEWS,
    Matrices,
    ViewNetwork,
    Views,
    estimate_views,
    size_of,
)
from unity_depth_perception.models.depth_anything_3.network import DepthAnything3Network, RawDepth, build_network
from unity_depth_perception.models.depth_anything_3.network_input import network_image, network_size
from unity_depth_perception.models.depth_anything_3.variants import DA3_VARIANTS, Kind
from unity_depth_perception.models.depth_anything_3.weights import fill_da3_network, require_same_architecture
from unity_depth_perception.models.object_proposals import Gravity, PromisedProposals
from unity_depth_perception.models.protocols import DepthEstimator, DepthPrediction, ViewsPrediction
from unity_depth_perception.models.runtime.acceleration import Network, accelerate, resolve_precision
from unity_depth_perception.models.runtime.head_precision import choose_head_precision, head_precision
from unity_depth_perception.models.runtime.options import DepthOptions
from unity_depth_perception.ops.geometry import require_size
from unity_depth_perception.ops.resize import resize_depth, resize_map

PROCESSING_PX = 504
"""Longest side of the network's input by default, as in the authors' code."""


def create_da3(name: str, device: torch.device, weights: Path | None, options: DepthOptions) -> DepthEstimator:
    """Load a model of `DA3_VARIANTS` from `weights` (file or folder), the hub's cache or the hub.

    Raises:
        ModelError: the weights cannot be obtained or are of another model, or the package depth-anything-3 is missing.
    """
    variant = DA3_VARIANTS[name]
    path = locate_weights(variant.published, weights)
    require_same_architecture(path.with_name("config.json"), variant)
    state = read_tensors(path)
    network = build_network(variant.architecture, options.gaussians)
    fill_da3_network(network, state, path)
    return estimator_of(name, network, device, options)


def estimator_of(name: str, network: Any, device: torch.device, options: DepthOptions) -> DepthEstimator:
    """Estimator of the variant `name` with a network of the package depth_anything_3, which is modified in place."""
    kind = DA3_VARIANTS[name].kind
    nets = [network.da3, network.da3_metric] if kind is Kind.NESTED else [network]
    networks = [DepthAnything3Network(net).to(device) for net in nets]
    precision = resolve_precision(options.network_precision, device)
    for wrapped in networks:
        wrapped.set_precision(precision)
        choose_head_precision(wrapped, head_precision(precision, device), device)
    if kind is Kind.NESTED:
        return NestedDepth(name, device, networks[0], networks[1], options)
    estimators: dict[Kind, type[MetricDepth | AnyViewDepth | MonoDepth]] = {
        Kind.METRIC: MetricDepth,
        Kind.ANY_VIEW: AnyViewDepth,
        Kind.MONO: MonoDepth,
    }
    return estimators[kind](name, device, networks[0], options)


class _Da3Depth:
    """Base of the estimators of Depth Anything 3."""

    proposer = None

    def __init__(self, name: str, device: torch.device, network: ViewNetwork, options: DepthOptions) -> None:
        self.name = name
        self.device = device
        self.network = network
        self._run = _accelerated(network, options, device, name)
        self._longest_px = options.size_px or PROCESSING_PX

    def network_input(self, image: Tensor) -> Tensor:
        """Input (1, 3, h, w) of the network for an image (H, W, 3) uint8 RGB."""
        return network_image(image, self._longest_px)


class MetricDepth(_Da3Depth):
    """DA3METRIC: depth in metres, by the focal length of the network's input image, and sky."""

    def network_size(self, width: int, height: int) -> tuple[int, int]:
        """Width and height [px] of the network's input for an image of width x height px."""
        return network_size(width, height, self._longest_px)

    def infer(
        self, image: Tensor, camera: Camera, gravity: Gravity | None = None, proposals: PromisedProposals | None = None
    ) -> DepthPrediction:
        """Predict metric depth; see `DepthEstimator.infer`."""
        require_size(image, camera, "image")
        network_input = self.network_input(image)
        raw: RawDepth = self._run(network_input)
        return _prediction(image, metres_from(raw.depth, _focal_px(camera, network_input)), raw, is_metric=True)


class _RelativeDepth(_Da3Depth):
    """Base of the estimators of relative depth."""

    def infer(
        self,
        image: Tensor,
        camera: Camera | None = None,
        gravity: Gravity | None = None,
        proposals: PromisedProposals | None = None,
    ) -> DepthPrediction:
        """Predict relative depth; see `DepthEstimator.infer`. The camera is not used."""
        raw: RawDepth = self._run(self.network_input(image))
        return _prediction(image, raw.depth, raw, is_metric=False)


class MonoDepth(_RelativeDepth):
    """DA3MONO: relative depth, in another unit for each image, and sky."""


class AnyViewDepth(_RelativeDepth):
    """DA3 SMALL to GIANT: relative depth, confidence and camera of one view; depth and cameras of several views."""

    metric_network: ViewNetwork | None = None

    @torch.inference_mode()
    def infer_views(
        self,
        frames: Sequence[Tensor],
        cameras: Sequence[Camera] | None = None,
        poses: Matrices | None = None,
        *,
        use_ray_pose: bool = False,
        reference_view: str = REFERENCE_VIEWS[0],
        seed: int = 0,
        gaussians: bool = False,
    ) -> ViewsPrediction:
        """Depth and cameras of several images of one scene; the same arguments give the same result.

        Args:
            frames: N images (H, W, 3) uint8 RGB of one size on `device`.
            cameras: their N intrinsics.
            poses: (N, 4, 4) world_from_camera [m], N >= 2, only with cameras; network inputs that also give the scale.
            use_ray_pose: poses from the predicted rays (slower, more accurate) instead of the camera decoder.
            reference_view: rule that chooses the reference view, one of REFERENCE_VIEWS; matters from three views on.
            seed: of the random sampling in the ray poses.
            gaussians: predict Gaussians too; giant and nested only, loaded with DepthOptions(gaussians=True).

        Raises:
            InputError: sizes or numbers differ, or the poses are not rigid or coincide.
            ConfigurationError: an unknown reference_view.
            ModelError: Gaussians are asked of a network without them, or the package e3nn is missing.
        """
        if gaussians:
            require_gaussian_head(self.network)
        width, height = size_of(frames)
        network_input = torch.cat([self.network_input(frame) for frame in frames])
        views = Views(network_input, width, height, cameras, poses, use_ray_pose, reference_view, seed, gaussians)
        return estimate_views(views, self.network, self.metric_network)


class NestedDepth(AnyViewDepth):
    """DA3NESTED: an any-view network, scaled to metres by a metric network, which also predicts the sky."""

    def __init__(
        self, name: str, device: torch.device, network: ViewNetwork, metric: ViewNetwork, options: DepthOptions
    ) -> None:
        super().__init__(name, device, network, options)
        self.metric_network = metric
        self._run_metric = _accelerated(metric, options, device, f"the metric network of {name}")

    def infer(
        self,
        image: Tensor,
        camera: Camera | None = None,
        gravity: Gravity | None = None,
        proposals: PromisedProposals | None = None,
    ) -> DepthPrediction:
        """Predict metric depth; see `DepthEstimator.infer`.

        The scale uses the focal length of `camera`; without a camera, the predicted one, which then is consistent with
        the depth.
        """
        network_input = self.network_input(image)
        raw: RawDepth = self._run(network_input)
        metric: RawDepth = self._run_metric(network_input)
        assert raw.intrinsics is not None  # for mypy: this is an any-view network
        assert raw.confidence is not None
        assert metric.sky is not None
        focal_px: float | Tensor = (raw.intrinsics[0, 0] + raw.intrinsics[1, 1]) / 2
        if camera is not None:
            require_size(image, camera, "image")
            focal_px = _focal_px(camera, network_input)
        scale = metric_scale(raw.depth, raw.confidence, metres_from(metric.depth, focal_px), metric.sky)
        return _prediction(image, raw.depth * scale, raw._replace(sky=metric.sky), is_metric=True)


def _accelerated(network: ViewNetwork, options: DepthOptions, device: torch.device, name: str) -> Network:
    precision = resolve_precision(options.network_precision, device)
    return accelerate(network, options.acceleration, device, name, precision)


def _focal_px(camera: Camera, network_input: Tensor) -> float:
    return camera.resized(network_input.shape[3], network_input.shape[2]).focal_px


def _prediction(image: Tensor, depth: Tensor, raw: RawDepth, is_metric: bool) -> DepthPrediction:
    """Prediction at the size of `image`, from a network's output at its own size (h, w)."""
    height, width = image.shape[:2]
    depth = depth if raw.sky is None else with_sky(depth, raw.sky)
    return DepthPrediction(
        resize_depth(depth, width, height),
        is_metric,
        None if raw.confidence is None else resize_map(raw.confidence, width, height),
        None if raw.intrinsics is None else _rescaled(raw.intrinsics, width / depth.shape[1], height / depth.shape[0]),
        scale_source="focal" if is_metric else "none",
    )


def _rescaled(intrinsics: Tensor, x_ratio: float, y_ratio: float) -> Tensor:
    """Intrinsics (3, 3) for the resized image, with the principal point counted from the first pixel's centre."""
    scaled = intrinsics.clone()
    scaled[0] *= x_ratio
    scaled[1] *= y_ratio
    scaled[:2, 2] -= 0.5
    return scaled
