"""Results as a bag: what perception_node publishes, written to an mcap; needs the messages, but no running ROS."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rclpy.serialization import serialize_message

from unity_depth_perception.dataset.bag.writer import BagWriter
from unity_depth_perception.pipeline import PerceptionResult
from unity_depth_perception.ros.conversions.detections import class_ids_of
from unity_depth_perception.ros.parameters.node_tables import PerceptionConfig
from unity_depth_perception.ros.topics.outputs import CLASSES, OUTPUTS, View, message_of

NAMESPACE = "/unity/perception"


class ResultBag:
    """Writes all output topics of perception_node for each result, with the stamp and frame_id of its image.

    The bag is ordered by the stamps; a frame whose stamp is 0 or goes back follows its predecessor by 1 ns.
    """

    def __init__(self, path: Path, categories: tuple[str, ...]) -> None:
        """Make the bag.

        Raises:
            DatasetError: something is in the folder.
        """
        self._bag = BagWriter(path)
        self._view = View(PerceptionConfig(), class_ids_of(categories))
        self._received_ns = -1

    def add(self, result: PerceptionResult) -> None:
        """Write the messages of the next frame."""
        is_first = self._received_ns < 0
        self._received_ns = max(self._received_ns + 1, result.frame.stamp_ns)
        for name in OUTPUTS:
            if name == CLASSES and not is_first:
                continue  # constant
            self._write(name, message_of(name, result, self._view))

    def close(self) -> None:
        """Finish the bag."""
        self._bag.__exit__(None, None, None)

    def _write(self, name: str, message: Any) -> None:
        kind = f"{type(message).__module__.partition('.')[0]}/msg/{type(message).__name__}"
        self._bag.write_serialized(f"{NAMESPACE}/{name}", kind, serialize_message(message), self._received_ns)
