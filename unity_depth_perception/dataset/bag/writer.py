"""Writer of a rosbag2 folder (mcap, sqlite3), as `ros2 bag record` makes it; needs no ROS."""

from __future__ import annotations

import contextlib
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, get_args

from rosbags.interfaces import Connection, Qos, QosDurability, QosHistory, QosLiveliness, QosReliability, QosTime
from rosbags.rosbag2 import StoragePlugin, Writer, WriterError

from unity_depth_perception.core.errors import DatasetError
from unity_depth_perception.dataset.bag.message_types import message_types

Storage = Literal["mcap", "sqlite3"]

_VERSION: Literal[9] = 9  # of the metadata: ROS 2 Jazzy's
_FOREVER = QosTime(2147483647, 4294967295)
_QOS = Qos(  # of this package's publishers: ros/topics/qos.py
    history=QosHistory.KEEP_LAST,
    depth=5,
    reliability=QosReliability.RELIABLE,
    durability=QosDurability.VOLATILE,
    deadline=_FOREVER,
    lifespan=_FOREVER,
    liveliness=QosLiveliness.AUTOMATIC,
    liveliness_lease_duration=_FOREVER,
    avoid_ros_namespace_conventions=False,
)


class BagWriter:
    """Writes messages to a new bag. A context manager; an interruption leaves a bag with what was written until then.

    Attributes:
        path: the folder.
        types: type store with the classes of the messages.
    """

    def __init__(self, path: str | Path, storage: str = "mcap") -> None:
        """Make the folder.

        Args:
            path: a folder that is not there yet, or empty.
            storage: `mcap` or `sqlite3`.

        Raises:
            DatasetError: something is in the folder, or there is no such storage.
        """
        if storage not in get_args(Storage):
            raise DatasetError(f"expected a bag storage of {', '.join(get_args(Storage))}; got {storage!r}")
        self.path = Path(path)
        self.types = message_types()
        self._topics: dict[str, Connection] = {}
        try:
            with contextlib.suppress(FileNotFoundError, NotADirectoryError):
                self.path.rmdir()  # rosbags wants to make the folder itself
            self._writer = Writer(self.path, version=_VERSION, storage_plugin=StoragePlugin[storage.upper()])
            self._writer.open()
        except (WriterError, OSError) as error:
            raise DatasetError(f"{self.path}: expected a new or empty folder for a bag: {error}") from None

    def __enter__(self) -> BagWriter:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self._writer.close()  # after an error too: without its index and metadata nothing could be read
        except BaseException:
            self._writer.abort()
            raise

    def write(self, topic: str, message: Any, stamp_ns: int) -> None:
        """Write a message (an instance of one of the classes in `types`), received at `stamp_ns` [ns]."""
        kind = message.__msgtype__
        self.write_serialized(topic, kind, self.types.serialize_cdr(message, kind), stamp_ns)

    def write_serialized(self, topic: str, kind: str, data: bytes | memoryview, stamp_ns: int) -> None:
        """Write the CDR bytes of a message of a type (sensor_msgs/msg/Image, ...), received at `stamp_ns` [ns]."""
        if topic not in self._topics:
            self._topics[topic] = self._writer.add_connection(
                topic, kind, typestore=self.types, offered_qos_profiles=[_QOS]
            )
        self._writer.write(self._topics[topic], stamp_ns, data)
