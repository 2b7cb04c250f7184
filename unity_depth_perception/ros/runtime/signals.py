"""Ctrl-C and SIGTERM, remembered: the exception that tells of them may get lost."""

from __future__ import annotations

import signal
from types import FrameType

ENDING = (signal.SIGINT, signal.SIGTERM)


def remember_signals() -> list[int]:
    """Let Ctrl-C and SIGTERM raise KeyboardInterrupt, and return the list that the signals received are added to.

    Where a signal meets the conversion of a message or the import of a native module, the exception becomes another
    one, or none. For `rclpy.init(signal_handler_options=SignalHandlerOptions.NO)`: rclpy's handlers cannot interrupt
    the loading of a model, and end the context at once, so that a node could not delete its markers.
    """
    received: list[int] = []

    def interrupt(number: int, _: FrameType | None) -> None:
        received.append(number)
        raise KeyboardInterrupt

    for number in ENDING:
        signal.signal(number, interrupt)
    return received
