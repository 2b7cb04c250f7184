"""Reader of a rosbag2: a folder of sqlite3 or mcap files, compressed or not, or one such file; needs no ROS."""

from __future__ import annotations

import contextlib
import struct
from collections.abc import Collection, Iterator
from heapq import merge
from pathlib import Path
from typing import Any, NamedTuple

from backports import zstd
from rosbags.interfaces import Connection, MessageDefinitionFormat
from rosbags.rosbag2 import Reader
from rosbags.rosbag2.reader import DirectoryReader
from rosbags.typesys import Stores, get_types_from_idl, get_types_from_msg, get_typestore
from rosbags.typesys.store import Typestore

from unity_depth_perception.core.errors import DatasetError, shown
from unity_depth_perception.dataset.bag.message_types import message_types

STORAGES = (".mcap", ".db3")
_IDL_RULE = "=" * 80 + "\n"
_REPAIR = {
    ".mcap": "the recording may have been interrupted: `mcap recover` repairs the file",
    ".db3": "the recording may have been interrupted: `ros2 bag reindex` writes the metadata anew",
}


class RawMessage(NamedTuple):
    """A message as it is stored.

    Attributes:
        topic: its topic.
        kind: its type, such as sensor_msgs/msg/Image.
        received_ns: time of the recorder when it arrived [ns]; the order of the messages.
        data: CDR bytes.
    """

    topic: str
    kind: str
    received_ns: int
    data: bytes

    @property
    def stamp_ns(self) -> int:
        """The stamp [ns] of a message that starts with a header, read without the rest."""
        seconds, nanoseconds = struct.unpack_from("<iI" if self.data[1] & 1 else ">iI", self.data, 4)
        return int(seconds * 1_000_000_000 + nanoseconds)


def is_bag(path: Path) -> bool:
    """Whether a path is a rosbag2: a storage file, or a folder with metadata.yaml or storage files."""
    if path.is_dir():
        return (path / "metadata.yaml").is_file() or any(_storage_files(path))
    return path.suffix in STORAGES


def _storage_files(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix in STORAGES)


class BagReader:
    """Reads the messages of a bag in the order in which they were received. A context manager.

    Attributes:
        path: folder or file.
        kinds: type of the messages of each topic.
    """

    def __init__(self, path: Path) -> None:
        """Open the bag.

        Raises:
            DatasetError: it is missing, damaged, or of a storage that rosbags does not read.
        """
        self.path = path
        self._stack = contextlib.ExitStack()
        self._types = _MessageTypes()
        with _named(path):
            readers = [self._stack.enter_context(Reader(part)) for part in _parts(path)]
        self._storages = [storage for reader in readers for storage in _storages_of(reader)]
        self._connections = [c for storage in self._storages for c in storage.reader.connections]
        self.kinds: dict[str, str] = {c.topic: c.msgtype for c in self._connections if c.msgcount}

    def __enter__(self) -> BagReader:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the files."""
        self._stack.close()

    def messages(self, topics: Collection[str], since_ns: int | None = None) -> Iterator[RawMessage]:
        """Read the messages of some topics that were received at a time [ns] or later, in their order.

        Raises:
            DatasetError: a file is damaged.
        """
        with _named(self.path):
            parts = [storage.messages(topics, since_ns) for storage in self._storages]
            for connection, received_ns, data in merge(*parts, key=lambda message: message[1]):
                yield RawMessage(connection.topic, connection.msgtype, received_ns, data)

    def parse(self, message: RawMessage) -> Any:
        """Deserialise a message.

        Raises:
            DatasetError: its type is unknown, or its bytes do not fit the type.
        """
        store = self._types.store_of(message.kind, self._connections)
        try:
            return store.deserialize_cdr(message.data, message.kind)
        except Exception as error:  # noqa: BLE001 - rosbags' SerdeError, and what NumPy and struct raise on bytes that end early
            raise DatasetError(
                f"{self.path}: expected a {message.kind} on {message.topic}, got bytes of another type or damaged ones "
                f"({shown(str(error))})"
            ) from None


class _MessageTypes:
    """Type stores: the bag's own definition of a type, else this package's."""

    def __init__(self) -> None:
        self._known: Typestore | None = None
        self._stores: dict[str, Typestore] = {}

    def store_of(self, kind: str, connections: Collection[Connection]) -> Typestore:
        """The store that knows a type.

        Raises:
            DatasetError: neither the bag nor this package defines it, or the definition cannot be read.
        """
        if kind not in self._stores:
            if self._known is None:
                self._known = message_types()
            fields = dict(self._known.fielddefs)
            definition = next((c.msgdef for c in connections if c.msgtype == kind and c.msgdef.data), None)
            try:
                own = {} if definition is None else _definitions(definition.format, definition.data, kind)
            except Exception as error:  # noqa: BLE001 - a parser that meets a text of another language
                raise DatasetError(f"cannot read the bag's definition of {kind}: {shown(str(error))}") from None
            if kind not in fields and kind not in own:
                raise DatasetError(f"message type {kind} is unknown: the bag holds no definition of it")
            if all(fields.get(name) == value for name, value in own.items()):
                self._stores[kind] = self._known
            else:
                store = get_typestore(Stores.EMPTY)
                store.register({**fields, **own})
                self._stores[kind] = store
        return self._stores[kind]


def _definitions(form: MessageDefinitionFormat, text: str, kind: str) -> dict[str, Any]:
    """Fields of a type and of the types in it, from a definition as ROS 2 tools and foxglove write it."""
    if form == MessageDefinitionFormat.MSG:
        return get_types_from_msg(text, kind)
    if not text.startswith(f"{_IDL_RULE}IDL: "):
        return get_types_from_idl(text)
    found: dict[str, Any] = {}
    for part in text.split(_IDL_RULE)[1:]:
        found.update(get_types_from_idl(part.partition("\n")[2]))
    return found


def _parts(path: Path) -> list[Path]:
    """What rosbags opens: the folder, or its storage files where metadata.yaml is missing."""
    if not path.exists():
        raise DatasetError(f"{path}: expected a bag, but there is nothing")
    if path.suffix == ".bag":
        raise DatasetError(f"{path}: expected a rosbag2, got a bag of ROS 1; convert it (rosbags-convert)")
    if not path.is_dir() or (path / "metadata.yaml").is_file():
        return [path]
    files = _storage_files(path)
    if not files:
        raise DatasetError(f"{path}: expected a bag with metadata.yaml or files *.mcap, *.db3; got neither")
    return files


class _Storage(NamedTuple):
    """A file of a bag.

    rosbags' reader of the whole folder leaves out every topic whose QoS is written differently in metadata.yaml and in
    the file, as in bags that were converted; so its readers of the files are used.
    """

    reader: Any
    is_compressed: bool  # each message by itself

    def messages(self, topics: Collection[str], since_ns: int | None) -> Iterator[tuple[Connection, int, bytes]]:
        chosen = [c for c in self.reader.connections if c.topic in topics]
        if chosen:
            for connection, received_ns, data in self.reader.messages(chosen, since_ns):
                yield connection, received_ns, zstd.decompress(data) if self.is_compressed else data


def _storages_of(reader: Reader) -> list[_Storage]:
    folder = reader.storage
    if not isinstance(folder, DirectoryReader):
        return [_Storage(folder, is_compressed=False)]
    return [_Storage(part, folder.metadata.compression_mode == "message") for part in folder.storages]


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """Turn whatever rosbags raises on a damaged bag into a DatasetError that names it."""
    try:
        yield
    except (DatasetError, GeneratorExit):
        raise
    except Exception as error:  # noqa: BLE001 - ReaderError, and what sqlite, zstd, lz4, YAML and slices of bytes raise
        suffixes = {file.suffix for file in (_storage_files(path) if path.is_dir() else [path])}
        is_damaged = "not supported" not in str(error)
        hint = next((f"; {text}" for suffix, text in _REPAIR.items() if suffix in suffixes and is_damaged), "")
        raise DatasetError(f"{path}: cannot read the bag: {str(error) or type(error).__name__}{hint}") from None
