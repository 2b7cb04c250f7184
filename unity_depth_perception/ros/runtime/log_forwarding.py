"""What the package logs through Python's logging, such as the export of a network, in the node's own log."""

from __future__ import annotations

import logging

from rclpy.logging import get_logger

_PACKAGE = "unity_depth_perception"


class _NodeLog(logging.Handler):
    """Handler that passes records on to the logger of ROS."""

    def emit(self, record: logging.LogRecord) -> None:
        logger, text = get_logger(_PACKAGE), record.getMessage()
        if record.levelno >= logging.ERROR:
            logger.error(text)
        elif record.levelno >= logging.WARNING:
            logger.warning(text)
        else:
            logger.info(text)


def forward_log() -> None:
    """Pass the package's records from INFO on to ROS; once for each process."""
    logger = logging.getLogger(_PACKAGE)
    if not any(isinstance(handler, _NodeLog) for handler in logger.handlers):
        logger.setLevel(logging.INFO)
        logger.addHandler(_NodeLog())
        logger.propagate = False
