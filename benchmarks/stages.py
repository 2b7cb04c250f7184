"""The processes that benchmarks/latency.py compares: `python benchmarks/stages.py STAGE SCENE.npz`.

`perception` is perception_node with depth and masks given instead of networks. The alternative is one process each for
`depth`, `segmentation`, `distances` and `cloud`, which exchange depth and masks over DDS and compute in plain NumPy.
Both compute the same distances and parents, and both pack a cloud only if it has a subscriber.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import rclpy
import torch
from numpy.typing import NDArray
from rclpy.node import Node
from sensor_msgs.msg import Image, PointCloud2, PointField
from std_msgs.msg import Header
from torch import Tensor
from unity_depth_perception.msg import ObjectDistanceArray

from unity_depth_perception.core.camera import Camera
from unity_depth_perception.core.ground_plane import fit_ground_plane
from unity_depth_perception.core.support_relations.evidence import ParentLink
from unity_depth_perception.core.support_relations.inference import find_parents
from unity_depth_perception.dataset.messages.headers import stamp_ns_of
from unity_depth_perception.dataset.messages.images import single_channel_of
from unity_depth_perception.evaluation.speed.pipeline import plain_cloud, plain_statistics
from unity_depth_perception.models.protocols import DepthPrediction, Segmentation
from unity_depth_perception.nodes.perception_node import PerceptionNode
from unity_depth_perception.nodes.view_node import ViewNode
from unity_depth_perception.ops.contact_edges import contact_edges
from unity_depth_perception.pipeline import PerceptionPipeline
from unity_depth_perception.ros.conversions.color_images import rgb_of
from unity_depth_perception.ros.conversions.images import byte_array, depth_message, image_message
from unity_depth_perception.ros.conversions.objects_and_clouds import objects_message
from unity_depth_perception.ros.topics.qos import OUTPUT_QOS

IMAGE, DEPTH, MASKS = "image_raw", "usual/depth", "usual/masks"
OBJECTS, CLOUD, SEEN = "objects/distances", "depth/points", "cloud_seen"


class Scene:
    """The image that is sent in every frame, with its camera and the depth and masks given instead of networks."""

    def __init__(self, file: Path) -> None:
        with np.load(file) as data:
            self.image: NDArray[Any] = data["image"]
            self.depth_m: NDArray[Any] = data["depth_m"]
            self.instances: NDArray[Any] = data["instances"].astype(np.uint8)
            self.categories = tuple(str(name) for name in data["categories"])
            height, width = self.depth_m.shape
            self.camera = Camera.from_k(data["k"], width, height)


class GivenDepth:
    """Test double of a depth model that takes no time."""

    name, proposer, device = "given", None, torch.device("cpu")

    def __init__(self, scene: Scene) -> None:
        self._depth_m = torch.from_numpy(scene.depth_m)

    def infer(self, image: Tensor, *_: object) -> DepthPrediction:
        """The scene's depth; 1 m everywhere for an image of another size (the warm-up)."""
        fits = image.shape[:2] == self._depth_m.shape
        return DepthPrediction(self._depth_m if fits else torch.ones(image.shape[:2]), is_metric=True)


class GivenMasks:
    """Test double of a segmentation model that takes no time."""

    name, proposer, device = "given", None, torch.device("cpu")

    def __init__(self, scene: Scene) -> None:
        self.categories = scene.categories
        self._instances = torch.from_numpy(scene.instances)

    def infer(self, image: Tensor, *_: object) -> Segmentation:
        """The scene's instances; none for an image of another size (the warm-up)."""
        if image.shape[:2] != self._instances.shape:
            return Segmentation(torch.zeros(image.shape[:2], dtype=torch.uint8), (), ())
        return Segmentation(self._instances, self.categories, (1.0,) * len(self.categories))


def perception(scene: Scene) -> Node:
    """perception_node: all stages in one process."""
    node = PerceptionNode(lambda _: PerceptionPipeline(GivenDepth(scene), GivenMasks(scene)))
    if not node.autostart():
        raise SystemExit(node.failure)
    return node


def depth(scene: Scene) -> Node:
    """Stage node: image in, depth out."""
    depth_m = torch.from_numpy(scene.depth_m)
    return _network("depth", DEPTH, lambda header: depth_message(header, depth_m, "32FC1"))


def segmentation(scene: Scene) -> Node:
    """Stage node: image in, instance image out."""
    instances = scene.instances.astype(np.uint16)
    return _network("segmentation", MASKS, lambda header: image_message(header, instances, "16UC1"))


def _network(name: str, topic: str, answer: Callable[[Header], Image]) -> Node:
    """A node with a network that takes no time: it converts each image and publishes a given answer."""
    node = rclpy.create_node(name)
    publisher = node.create_publisher(Image, topic, OUTPUT_QOS)

    def take(message: Image) -> None:
        rgb_of(message)
        publisher.publish(answer(message.header))

    node.create_subscription(Image, IMAGE, take, OUTPUT_QOS)
    return node


def distances(scene: Scene) -> Node:
    """Stage node: depth and instance image of one stamp in, objects out."""
    node = rclpy.create_node("distances")
    publisher = node.create_publisher(ObjectDistanceArray, OBJECTS, OUTPUT_QOS)

    def publish_objects(depth_image: Image, masks: Image) -> None:
        depth_m, instances = single_channel_of(depth_image), single_channel_of(masks)
        found = plain_statistics(depth_m, instances, scene.categories, scene.camera)
        links = plain_parents(depth_m, instances, scene)
        found = [
            replace(item, parent_id=None if link is None else link.parent)
            for item, link in zip(found, links, strict=True)
        ]
        publisher.publish(objects_message(masks.header, tuple(found), "given", "given"))

    _synchronize(node, DEPTH, MASKS, publish_objects)
    return node


def plain_parents(depth_m: NDArray[Any], instances: NDArray[Any], scene: Scene) -> list[ParentLink | None]:
    """Parent of each object: points in NumPy, one mask at a time; support inference is the package's own."""
    camera, rng = scene.camera, np.random.default_rng(0)

    def points(mask: NDArray[Any], most: int) -> NDArray[Any]:
        rows, columns = np.nonzero(mask)
        chosen = np.sort(rng.choice(len(rows), min(most, len(rows)), replace=False))
        pixels = np.stack([columns[chosen], rows[chosen]], axis=-1)
        return camera.unproject(pixels, depth_m[rows[chosen], columns[chosen]])

    each = [points(instances == k + 1, 512) for k in range(len(scene.categories))]
    floor = fit_ground_plane(points(instances == 0, 4096), np.concatenate(each))
    if floor is None:
        return [None] * len(each)
    images = torch.from_numpy(depth_m), torch.from_numpy(instances.astype(np.uint8))
    edges = contact_edges(*images, len(each), camera, floor.up)
    return find_parents(each, scene.categories, floor, edges, camera.focal_px)


def cloud(scene: Scene) -> Node:
    """Stage node: depth and image of one stamp in, cloud out, packed as a structured array like sensor_msgs_py."""
    node = rclpy.create_node("cloud")
    publisher = node.create_publisher(PointCloud2, CLOUD, OUTPUT_QOS)
    names = ("x", "y", "z", "rgb")
    fields = [PointField(name=n, offset=4 * i, datatype=PointField.FLOAT32, count=1) for i, n in enumerate(names)]

    def pack(depth_image: Image, image: Image) -> None:
        if publisher.get_subscription_count() == 0:
            return
        depth_m = single_channel_of(depth_image)
        message = PointCloud2(header=image.header, height=image.height, width=image.width, fields=fields)
        message.point_step, message.row_step = 16, 16 * image.width
        message.data = byte_array(np.frombuffer(plain_cloud(depth_m, rgb_of(image), scene.camera), np.uint8))
        publisher.publish(message)

    _synchronize(node, DEPTH, IMAGE, pack)
    return node


def listener(_: Scene) -> Node:
    """Publishes the arrival of each cloud: a Header with its stamp, and the time [ns since 1970] as frame_id."""
    node = rclpy.create_node("listener")
    publisher = node.create_publisher(Header, SEEN, OUTPUT_QOS)

    def take(message: PointCloud2) -> None:
        publisher.publish(Header(stamp=message.header.stamp, frame_id=str(time.time_ns())))

    node.create_subscription(PointCloud2, CLOUD, take, OUTPUT_QOS)
    return node


def view(_: Scene) -> Node:
    """view_node, which benchmarks/live_view.py opens a browser on."""
    node = ViewNode()
    if not node.autostart():
        raise SystemExit(node.failure)
    return node


def _synchronize(node: Node, first: str, second: str, use: Callable[[Image, Image], None]) -> None:
    """Call `use` with the messages of both topics that have the same stamp."""
    waiting: dict[str, dict[int, Any]] = {first: {}, second: {}}

    def keeper(topic: str) -> Callable[[Image], None]:
        def keep(message: Image) -> None:
            stamp_ns = stamp_ns_of(message.header)
            waiting[topic] = {stamp_ns: message}
            if all(stamp_ns in messages for messages in waiting.values()):
                use(waiting[first][stamp_ns], waiting[second][stamp_ns])

        return keep

    for topic in (first, second):
        node.create_subscription(Image, topic, keeper(topic), OUTPUT_QOS)


STAGES = {stage.__name__: stage for stage in (perception, depth, segmentation, distances, cloud, listener, view)}

if __name__ == "__main__":
    rclpy.init()
    rclpy.spin(STAGES[sys.argv[1]](Scene(Path(sys.argv[2]))))
