"""Arguments of the launch files as values, checked before the first process starts. Imports neither ROS nor torch."""

from __future__ import annotations

import re
from typing import Any

from unity_depth_perception.core.errors import ConfigurationError

_TOPIC = re.compile(r"/?[A-Za-z_~][A-Za-z0-9_]*(/[A-Za-z_][A-Za-z0-9_]*)*")


def camera_list(text: str) -> list[str]:
    """The cameras of `camera:=/unity/left,/unity/right`.

    Raises:
        ConfigurationError: an entry is empty or no name, two are the same, or two would share their results' name.
    """
    cameras = [name.strip() for name in text.split(",")]
    for camera in cameras:
        if _TOPIC.fullmatch(camera) is None:
            raise ConfigurationError(
                f"camera: expected names such as /unity/left,/unity/right without a slash at the end, got {camera!r} "
                f"in {text!r}"
            )
    if len(set(cameras)) < len(cameras):
        raise ConfigurationError(f"camera: expected each camera once, got {text!r}")
    last = [camera.rpartition("/")[2] for camera in cameras]
    if len(set(last)) < len(last):
        raise ConfigurationError(
            f"camera: expected cameras with different last names, which their results are named by, got {text!r}"
        )
    return cameras


def results_of(camera: str, cameras: list[str], namespace: str) -> str:
    """Namespace of a camera's results: `namespace`, or one below it for each of several cameras.

    Raises:
        ConfigurationError: the namespace is no name.
    """
    if _TOPIC.fullmatch(namespace) is None:
        raise ConfigurationError(
            f"namespace: expected a name such as /unity/perception without a slash at the end, got {namespace!r}"
        )
    return namespace if len(cameras) == 1 else f"{namespace}/{camera.rpartition('/')[2]}"


def typed(name: str, kind: type[Any], text: str) -> Any:
    """The value of an argument.

    Raises:
        ConfigurationError: the text is no such value; the argument is named.
    """
    if kind is bool:
        return is_true(name, text)
    try:
        return kind(text)
    except ValueError:
        expected = {float: "a number", int: "a whole number"}.get(kind, kind.__name__)
        raise ConfigurationError(f"{name}: expected {expected}, got {text!r}") from None


def is_true(name: str, text: str) -> bool:
    """The value of a switch.

    Raises:
        ConfigurationError: the text is neither true nor false.
    """
    if text.lower() not in ("true", "false", "1", "0"):
        raise ConfigurationError(f"{name}: expected true or false, got {text!r}")
    return text.lower() in ("true", "1")


def choice(name: str, allowed: tuple[str, ...], text: str) -> str:
    """The value of an argument with a few possible values.

    Raises:
        ConfigurationError: the text is none of them.
    """
    if text not in allowed:
        raise ConfigurationError(f"{name}: expected {' or '.join(allowed)}, got {text!r}")
    return text
