"""Topics of a bag by role: named by the caller, else guessed from types, encodings and names."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, fields

from unity_depth_perception.core.errors import DatasetError
from unity_depth_perception.dataset.bag.reader import BagReader

IMAGE, COMPRESSED = "sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage"
CAMERA_INFO, POSE = "sensor_msgs/msg/CameraInfo", "geometry_msgs/msg/PoseStamped"
OBJECTS = "unity_depth_perception/msg/ObjectDistanceArray"
_KINDS = {
    "image": (IMAGE, COMPRESSED),
    "camera_info": (CAMERA_INFO,),
    "depth": (IMAGE,),
    "instances": (IMAGE,),
    "objects": (OBJECTS,),
    "pose": (POSE,),
}
_DEPTH_ENCODINGS = ("32FC1", "16UC1", "mono16")
_OF_RESULTS = ("overlay", "debug", "perception")  # in names of topics that are no camera's
_OF_INSTANCES = ("instance", "mask", "segment")
_TRUTH = "ground_truth"


@dataclass(frozen=True)
class TopicNames:
    """Topics by role; empty: to be guessed, and after that: there is none.

    Attributes:
        image: colour images, raw or compressed.
        camera_info: intrinsics.
        depth: true depth, 16UC1 [mm] or 32FC1 [m].
        instances: true instance images.
        objects: true objects, ObjectDistanceArray.
        pose: camera poses, PoseStamped.
    """

    image: str = ""
    camera_info: str = ""
    depth: str = ""
    instances: str = ""
    objects: str = ""
    pose: str = ""

    @property
    def known(self) -> tuple[str, ...]:
        """The topics that there are."""
        return tuple(name for field in fields(self) if (name := getattr(self, field.name)))


GUESSED = TopicNames()
"""All topics are to be guessed."""


def find_topics(bag: BagReader, given: TopicNames) -> TopicNames:
    """Complete the topics that are given by those that types, encodings and names tell.

    The image is the one colour topic of a camera, raw rather than compressed. Its camera_info and pose have its
    namespace, or are the only ones of their type. A truth has `ground_truth` in its name or the namespace of the image,
    so that recorded results of this package are never taken for truth; where several fit, there is none.

    Raises:
        DatasetError: a given topic is not there or of another type; no image, or several cameras.
    """
    for role, kinds in _KINDS.items():
        _require(bag, role, getattr(given, role), kinds)
    image = given.image or _only_camera(bag)
    space = _namespace(image)
    single = _encodings(bag, [name for name, kind in bag.kinds.items() if kind == IMAGE and name != image])
    depth_like = [name for name, encoding in single.items() if encoding in _DEPTH_ENCODINGS]
    masks = [name for name in single if any(word in name.lower() for word in _OF_INSTANCES)]
    depths = [name for name in depth_like if name not in masks]
    objects = [name for name, kind in bag.kinds.items() if kind == OBJECTS]
    return TopicNames(
        image=image,
        camera_info=given.camera_info or _beside(bag, CAMERA_INFO, f"{space}/camera_info"),
        depth=given.depth or _truth(depths, space),
        instances=given.instances or _truth(masks, space),
        objects=given.objects or _truth(objects, space),
        pose=given.pose or _beside(bag, POSE, f"{space}/camera_pose"),
    )


def _require(bag: BagReader, role: str, name: str, kinds: Collection[str]) -> None:
    if not name or bag.kinds.get(name) in kinds:
        return
    option = f"--{role.replace('_', '-')}-topic {name}"
    what = f"a message of type {bag.kinds[name]}" if name in bag.kinds else "no message"
    there = ", ".join(sorted(n for n, kind in bag.kinds.items() if kind in kinds)) or "none"
    raise DatasetError(
        f"{bag.path}: {option}: expected {' or '.join(kinds)}, got {what} on that topic; topics of that type: {there}"
    )


def _only_camera(bag: BagReader) -> str:
    """The topic of the only camera with colour images."""
    names = [n for n, kind in bag.kinds.items() if kind in (IMAGE, COMPRESSED) and "depth" not in n.lower()]
    cameras = [n for n in names if not any(word in n.lower() for word in (*_OF_RESULTS, *_OF_INSTANCES, _TRUTH))]
    encodings = _encodings(bag, [n for n in cameras if bag.kinds[n] == IMAGE])
    colour = {n for n in cameras if encodings.get(n) not in _DEPTH_ENCODINGS}
    raw = {n for n in colour if bag.kinds[n] == IMAGE}
    # image_raw/compressed and image_raw/theora are the same picture, image_rect that of the same camera
    found = sorted(n for n in colour if not any(n.startswith(f"{other}/") for other in raw))
    by_camera = {_namespace(n.removesuffix("/compressed")): n for n in reversed(found)}
    by_camera |= {_namespace(n): n for n in found if n.endswith(("/image_raw", "/image"))}
    if not by_camera:
        there = ", ".join(f"{name} ({kind})" for name, kind in sorted(bag.kinds.items())[:12]) or "no messages"
        raise DatasetError(f"{bag.path}: expected a topic with colour images, got {there}; name it by --image-topic")
    if len(by_camera) > 1:
        raise DatasetError(
            f"{bag.path}: expected one camera, got {len(by_camera)}: {', '.join(sorted(by_camera.values()))}; choose "
            "one by --image-topic"
        )
    return next(iter(by_camera.values()))


def _encodings(bag: BagReader, names: Collection[str]) -> dict[str, str]:
    """Encoding of the first image of each topic."""
    return {n: str(bag.parse(first).encoding) for n in names if (first := next(bag.messages([n]), None)) is not None}


def _namespace(topic: str) -> str:
    return topic.removesuffix("/compressed").rpartition("/")[0]


def _beside(bag: BagReader, kind: str, name: str) -> str:
    """A topic by its name, else the only one of its type that is no result; else empty."""
    named = [n for n, k in bag.kinds.items() if k == kind and not any(word in n.lower() for word in _OF_RESULTS)]
    if name in named:
        return name
    return named[0] if len(named) == 1 else ""


def _truth(names: Collection[str], space: str) -> str:
    """The one topic of true values: by the name ground_truth, in the namespace of the image where possible."""
    own = [name for name in names if name.startswith(f"{space}/")]
    for group in ([n for n in own if _TRUTH in n], [n for n in names if _TRUTH in n], own):
        if group:
            return group[0] if len(group) == 1 else ""
    return ""
