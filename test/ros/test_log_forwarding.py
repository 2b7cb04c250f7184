"""The package's Python log in the node's own log."""

from __future__ import annotations

import logging
from collections.abc import Iterator

import pytest

from unity_depth_perception.ros.runtime import log_forwarding
from unity_depth_perception.ros.runtime.log_forwarding import forward_log

PACKAGE = logging.getLogger("unity_depth_perception")


@pytest.fixture(autouse=True)
def _restored() -> Iterator[None]:
    before = PACKAGE.handlers[:], PACKAGE.level, PACKAGE.propagate
    yield
    PACKAGE.handlers[:], PACKAGE.propagate = before[0], before[2]
    PACKAGE.setLevel(before[1])


def test_records_from_info_on_reach_the_log_of_ros_once(monkeypatch: pytest.MonkeyPatch) -> None:
    lines: list[tuple[str, str]] = []

    class Logger:
        def __getattr__(self, level: str) -> object:
            return lambda text: lines.append((level, text))

    monkeypatch.setattr(log_forwarding, "get_logger", lambda name: Logger())
    forward_log()
    forward_log()
    logger = logging.getLogger("unity_depth_perception.models.engine")
    logger.debug("unseen")
    logger.info("exporting %s", "net")
    logger.warning("refused")
    logger.error("broken")
    assert lines == [("info", "exporting net"), ("warning", "refused"), ("error", "broken")]
