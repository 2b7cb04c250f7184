"""The embedded networks as files: dense depth without the objects' part, and the detector's dense part."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.models.compact.dense.depth_network import CANONICAL_FOCAL_PX, CompactDepthNetwork
from unity_depth_perception.models.compact.depth import DEPTH_AREA_PX, CompactDepth, ray_channels
from unity_depth_perception.models.compact.object_proposer import SEGMENTATION_AREA_PX
from unity_depth_perception.models.engine.network_files.network_file import NetworkFile, Port
from unity_depth_perception.models.image_size import processing_size, resize_image
from unity_depth_perception.models.mask_rcnn.detection import DensePart

_RGB = "RGB, 0..1; first row at the top; resized with antialiasing"


class _DenseDepth(nn.Module):
    """Depth by the dense network alone: the floor is its own estimate, and there is neither a room layout nor a sky."""

    def __init__(self, network: CompactDepthNetwork) -> None:
        super().__init__()
        self.network = network

    def forward(self, image: Tensor, rays: Tensor) -> Tensor:
        """Depth (1, ceil(H / 2), ceil(W / 2)) in metres of a camera of focal length CANONICAL_FOCAL_PX."""
        encoding = self.network.encode(image, rays)
        direct = self.network.decode_pixels(encoding.skips, encoding.coarsest, rays, encoding.floor.normal).direct
        return (direct + encoding.floor.log_height[:, None, None] + self.network.log_scale).exp()


def compact_files(estimator: CompactDepth, image: Tensor, camera: Camera) -> list[NetworkFile]:
    """Files of the embedded depth model and of the detector, for images of the size of `image` (H, W, 3) uint8 RGB."""
    width, height = processing_size(camera.width, camera.height, DEPTH_AREA_PX)
    rays = ray_channels(camera.resized(width, height), image.device)
    depth = NetworkFile(
        "depth",
        _DenseDepth(estimator.networks.dense),
        (resize_image(image, width, height), rays),
        (
            Port("image", _RGB),
            Port("rays", "of each pixel (x - cx) / fx, then (y - cy) / fy, of the camera at this size"),
        ),
        (Port("depth", "planar depth at half the size, positive; see below for metres"),),
        f"metres = depth * f / {CANONICAL_FOCAL_PX:g}, with f = (fx + fy) / 2 [px] of the camera at the size of "
        "`image`. This is the dense network alone, and less accurate than the package, which estimates the metric "
        "scale from the cubes that the detector finds, and walls from a layout of the room. It is the network of "
        "rooms; that of scenes with a sky is not in the file.",
    )
    sides = processing_size(camera.width, camera.height, SEGMENTATION_AREA_PX)
    padded = functional.pad(
        resize_image(image, *sides), (0, -sides[0] % 32, 0, -sides[1] % 32), mode="constant", value=0.5
    )
    levels = ("4", "8", "16", "32")
    detector = NetworkFile(
        "detector",
        DensePart(estimator.proposer.detector),
        (padded,),
        (Port("image", f"{_RGB}; padded with 0.5 at the right and the bottom to multiples of 32"),),
        (
            *(Port(f"features_{k}", f"feature pyramid at 1/{k} of the size") for k in levels),
            *(Port(f"objectness_{k}", f"logits of the three anchors at each place of 1/{k}") for k in levels),
            *(Port(f"deltas_{k}", f"regression of their boxes at 1/{k}") for k in levels),
        ),
        "These are the inputs of torchvision's RegionProposalNetwork after its head, and of RoIAlign. What follows "
        "(proposals, suppression, boxes, masks, classes) is not in the file.",
    )
    return [depth, detector]
