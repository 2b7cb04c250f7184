"""Message and service classes by the names that Unity's clients give, and their serialized form."""

from __future__ import annotations

import importlib
from typing import Any

from rclpy.impl.implementation_singleton import rclpy_implementation as _rclpy
from rclpy.serialization import deserialize_message

from unity_depth_perception.core.errors import InputError
from unity_depth_perception.endpoint import commands
from unity_depth_perception.endpoint.commands import Registration

_CDR_LITTLE_ENDIAN = b"\0\1"


def interface_of(wanted: Registration) -> type[Any]:
    """The message or service class of a registration."""
    kind = "srv" if wanted.kind in (commands.ROS_SERVICE, commands.UNITY_SERVICE) else "msg"
    name = f"{wanted.package}/{wanted.interface}"
    try:
        interface = getattr(importlib.import_module(f"{wanted.package}.{kind}"), wanted.interface)
        is_interface = hasattr(type(interface), "_TYPE_SUPPORT") or hasattr(interface, "_TYPE_SUPPORT")
    except (ImportError, AttributeError):
        is_interface = False
    if not is_interface:
        raise InputError(
            f"{wanted.topic}: expected a {kind} that is installed here, got {name}; build its package and source it"
        )
    return interface  # type: ignore[no-any-return]


def require_cdr(data: bytes, topic: str) -> None:
    """Raise InputError unless a message begins as little-endian CDR does; a client that speaks ROS 1 sends none."""
    if data[:2] != _CDR_LITTLE_ENDIAN or len(data) < 4:
        raise InputError(f"{topic}: expected a message as little-endian CDR, got {data[:4]!r}")


def deserialized(data: bytes, interface: type[Any], topic: str) -> Any:
    try:
        return deserialize_message(data, interface)
    except (_rclpy.RMWError, _rclpy.RCLError, RuntimeError, UnicodeDecodeError, MemoryError) as error:
        raise InputError(
            f"{topic}: expected a message of type {interface.__name__}, got bytes that are none ({error})"
        ) from None
