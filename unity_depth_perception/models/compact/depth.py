"""The `compact` metric depth: a dense network, scaled by the ground plane estimated from the visible cubes.

There are two dense networks, one for rooms and one for open scenes: the one for an image depends on whether it shows
the sky.
"""

from __future__ import annotations

import functools
import math
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.errors import PoseError
from unity_depth_perception.models.checkpoints.safetensors_file import EMBEDDED, check_kind, fill_network, load_weights
from unity_depth_perception.models.compact.cube_scale import CubeEstimates
from unity_depth_perception.models.compact.dense.accelerated_dense import AcceleratedDense
from unity_depth_perception.models.compact.dense.depth_network import CANONICAL_FOCAL_PX, Encoding
from unity_depth_perception.models.compact.dense.earlier_weights import with_new_parts
from unity_depth_perception.models.compact.dense.sky_gate import LEAST_SKY
from unity_depth_perception.models.compact.depth_networks import CompactDepthNetworks
from unity_depth_perception.models.compact.floor_estimates import GroundPlaneEstimates
from unity_depth_perception.models.compact.object_proposer import embedded_proposer
from unity_depth_perception.models.compact.scale_vote import log_depth_in_masks, scale_by_vote
from unity_depth_perception.models.engine.accelerated_network import is_exporting
from unity_depth_perception.models.image_size import processing_size, resize_image
from unity_depth_perception.models.mask_rcnn.paste_masks import boxes_of_masks
from unity_depth_perception.models.object_proposals import Gravity, ObjectProposals, PromisedProposals
from unity_depth_perception.models.protocols import DepthPrediction
from unity_depth_perception.models.runtime.options import CUBE_EDGE_M, DepthOptions
from unity_depth_perception.models.runtime.threads import on_one_thread
from unity_depth_perception.models.runtime.upload import upload
from unity_depth_perception.ops.geometry import pixel_rays

DEPTH_WEIGHTS = EMBEDDED / "compact_depth.safetensors"
DEPTH_AREA_PX = 256 * 256
_DEFAULTS = DepthOptions()
_LEAST_SHARE = 1e-3  # of the neighbours of an enlarged pixel that are not sky
_SCATTER_RATIO = 0.02  # median relative error of the objects' median depths where the ground plane is right
_MAX_TILT_RAD = math.radians(60)  # the dense network's estimate is off by 35 degrees at most, even straight down
# A credible cube. Bounds fitted on 200 held-out scenes with a cube, 80 without one, and 25 photographs.
_CUBE_PROBABILITY = 0.95
_CUBE_LOG_SIGMA, _SCENE_LOG_SIGMA = -1.4, -3.6  # of the cube scale; its sum with that of the dense network
_CONFIDENT_LOG_SIGMA = -0.8  # only estimates below may contradict a pose; that of a blank image is above


class CompactDepth:
    """Metric depth of scenes that show a cube (see the model card); its edge is 7 cm, or `cube_edge_m` tells it.

    A scene whose cubes have another edge looks like the one trained on, enlarged: all lengths have the same factor.
    """

    def __init__(self, device: torch.device, weights: Path = DEPTH_WEIGHTS, options: DepthOptions = _DEFAULTS) -> None:
        """Load the networks; raise ModelError if the weights file cannot be read or is of another kind.

        Of the options only the accelerations and the cube's edge count.
        """
        self.cube_edge_m = options.cube_edge_m  # may be changed between images
        state, description = load_weights(weights)
        check_kind(description, "compact-depth", weights)
        self.networks = CompactDepthNetworks.for_weights(state)
        fill_network(self.networks, with_new_parts(state, self.networks.state_dict()), weights)
        self.networks.to(device).to(memory_format=torch.channels_last).eval()
        self.cube_scale = self.networks.cube_scale
        self._rooms = AcceleratedDense(self.networks.dense, options.acceleration, device, "")
        self._open = None
        if self.networks.open is not None:
            self._open = AcceleratedDense(self.networks.open, options.acceleration, device, " of open scenes")
        self.proposer = embedded_proposer(device, options.proposer_acceleration or options.acceleration)
        cubes = [1 + index for index, name in enumerate(self.proposer.categories) if name.endswith("_cube")]
        self._cubes = torch.tensor(cubes, device=device)  # columns of `ObjectProposals.probabilities`
        self.name = "compact" if weights == DEPTH_WEIGHTS else str(weights)
        self.device = device

    def infer(
        self,
        image: Tensor,
        camera: Camera,
        gravity: Gravity | None = None,
        proposals: PromisedProposals | None = None,
    ) -> DepthPrediction:
        """Predict metric depth; see `DepthEstimator.infer`."""
        width, height = processing_size(camera.width, camera.height, DEPTH_AREA_PX)
        network_camera = camera.resized(width, height)
        rays = ray_channels(network_camera, self.device)
        small = resize_image(image, width, height)
        dense_network, encoding = self._encode(small, rays)
        if gravity is not None:
            _require_plausible(gravity, encoding.floor)
        found = proposals() if proposals else self.proposer.propose(image, camera, gravity)
        log_unit = math.log(network_camera.focal_px / CANONICAL_FOCAL_PX)
        estimates = self._estimates(found)
        own = encoding.floor.scaled(log_unit)
        normal, log_height = self._ground_plane(own, estimates.floor, gravity)
        dense = dense_network.decode(encoding, rays, normal[None])
        log_scale = self._log_scale(dense.log_depth[0], found, estimates, own, log_height)
        metres = (dense.log_depth[0] + log_scale + dense_network.network.log_scale).exp()
        metres = metres * (self.cube_edge_m / CUBE_EDGE_M)
        depth_m = enlarge_depth(metres, dense.sky[0], camera.height, camera.width)
        source = "cube" if self._has_credible_cube(found, estimates.floor, encoding.floor) else "learned"
        return DepthPrediction(
            depth_m, is_metric=True, scatter_ratio=_SCATTER_RATIO, scale_source=source, grid=(height, width)
        )

    def _encode(self, image: Tensor, rays: Tensor) -> tuple[AcceleratedDense, Encoding]:
        """The dense network for an image (1, 3, h, w), and its encoding of it: that of open scenes sees the sky too."""
        encoding = self._rooms.encode(image, rays)
        gate = self.networks.sky_gate
        if self._open is None or gate is None:
            return self._rooms, encoding
        # The sample image of a preparation is no open scene, but their network has to be ready as well.
        if is_exporting() or bool(gate.is_open(encoding, rays)):
            in_open = self._open.encode(image, rays)
            sky = self._open.decode(in_open, rays, in_open.floor.normal).sky > 0.5
            if not is_exporting() and float(sky.float().mean()) >= LEAST_SKY:
                return self._open, in_open
        return self._rooms, encoding

    @on_one_thread
    def _estimates(self, proposals: ObjectProposals) -> CubeEstimates:
        """What the cube scale reads from each proposal."""
        estimates: CubeEstimates = self.cube_scale(proposals.crops, proposals.intrinsics, proposals.gravity)
        return estimates

    def _has_credible_cube(
        self, proposals: ObjectProposals, estimates: GroundPlaneEstimates, dense: GroundPlaneEstimates
    ) -> bool:
        """Whether a proposal is surely a cube whose scale is surely estimated, in a scene like those trained on.

        Args:
            estimates: (N,) of the cube scale.
            dense: (1,) of the dense network.
        """
        probability = proposals.probabilities[:, self._cubes].sum(dim=1)
        log_sigma = estimates.log_sigma
        is_sure = (log_sigma < _CUBE_LOG_SIGMA) & (log_sigma + dense.log_sigma < _SCENE_LOG_SIGMA)
        return bool(((probability > _CUBE_PROBABILITY) & is_sure).any())

    def _log_scale(
        self,
        log_depth: Tensor,
        proposals: ObjectProposals,
        estimates: CubeEstimates,
        own: GroundPlaneEstimates,
        log_height: Tensor,
    ) -> Tensor:
        """Log of the metres () that one unit of the dense depth is, as the reported objects and the dense network vote.

        Args:
            log_depth: (h, w) of the dense network.
            own: (1,) the dense network's estimate of the ground plane, whose height is the unit.
            log_height: () the camera's height, which counts where no object is found.
        """
        voters = proposals.reported()
        if not len(voters):
            return log_height
        height, width = proposals.detections.size
        boxes = boxes_of_masks(proposals.detections.boxes[voters]) / upload([width, height] * 2, log_depth)
        seen = log_depth_in_masks(log_depth, boxes, proposals.masks[voters])
        return scale_by_vote(own, estimates.select(voters), seen)

    def _ground_plane(
        self,
        dense: GroundPlaneEstimates,
        estimates: GroundPlaneEstimates,
        gravity: Gravity | None,
    ) -> tuple[Tensor, Tensor]:
        """Normal (3,) and log height () of the ground plane, fused from the proposals and the dense network's estimate.

        Objects that are not cubes have a high expected error. Without proposals the dense network's estimate decides.
        """
        normal, log_height = GroundPlaneEstimates.concatenate([dense, estimates]).fuse()
        return normal if gravity is None else upload(gravity, normal), log_height


def ray_channels(camera: Camera, device: torch.device) -> Tensor:
    """Viewing rays x / z and y / z (1, 2, H, W) of a camera's pixels, an input of the dense network."""
    x, y = pixel_rays(camera, device)
    size = (camera.height, camera.width)
    return torch.stack([x.expand(size), y[:, None].expand(size)])[None]


def enlarge_depth(depth_m: Tensor, sky: Tensor, height: int, width: int) -> Tensor:
    """Depth (height, width), +Inf in the sky, from depth (h, w) and the sky's probability (h, w); sky has no depth."""
    enlarge = functools.partial(functional.interpolate, size=(height, width), mode="bilinear", align_corners=False)
    if float(sky.max()) <= 0.5:
        return enlarge(depth_m[None, None])[0, 0]
    known = (sky <= 0.5).to(depth_m.dtype)
    mixed, share, sky = enlarge(torch.stack([depth_m * known, known, sky])[None])[0]
    return torch.where((sky > 0.5) | (share < _LEAST_SHARE), torch.inf, mixed / share.clamp(min=_LEAST_SHARE))


def _require_plausible(gravity: Gravity, dense: GroundPlaneEstimates) -> None:
    """Raise PoseError if the dense network's ground plane is confident and far from a given direction of gravity."""
    estimate = dense.normal[0].double().cpu().numpy()
    tilt_rad = math.acos(min(1.0, max(-1.0, float(estimate @ gravity))))
    if tilt_rad > _MAX_TILT_RAD and float(dense.log_sigma[0]) < _CONFIDENT_LOG_SIGMA:
        raise PoseError(
            f"the camera's pose says that down is {_listed(gravity)} in the image's optical frame (x right, y down, "
            f"z forward), but the floor seems to be {math.degrees(tilt_rad):.0f} degrees off that, down being "
            f"{_listed(estimate)}: expected the pose of the optical frame, not of the camera's body, in a world with z "
            "up"
        )


def _listed(direction: NDArray[np.float64]) -> str:
    return "(" + ", ".join(f"{value:.2f}" for value in direction) + ")"
