"""Synchronisation by stamp: matched messages make a frame, unmatched ones are reported."""

from __future__ import annotations

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")

from unity_depth_perception.ros.inputs.stamp_sync import StampSynchronizer

TOPICS = ("depth", "instances", "labels")


class Bench:
    """A synchronizer and its unmatched messages; messages are strings of topic and stamp."""

    def __init__(self, tolerance_ns: int = 0, needed: tuple[str, ...] = ("depth", "instances")) -> None:
        self.lost: list[str] = []
        self.needed = needed
        self.synchronizer = StampSynchronizer(
            TOPICS, tolerance_ns, lambda topic, stamp: self.lost.append(f"{topic} {stamp}")
        )

    def add(self, topic: str, stamp_ns: int) -> list[str] | None:
        found = self.synchronizer.add(topic, stamp_ns, f"{topic} {stamp_ns}", set(self.needed).issubset)
        return None if found is None else [found[name] for name in TOPICS if name in found]


def test_frame_is_complete_with_its_last_message() -> None:
    bench = Bench(needed=TOPICS)
    assert bench.add("labels", 5) is None
    assert bench.add("instances", 5) is None
    assert bench.add("depth", 5) == ["depth 5", "instances 5", "labels 5"]
    assert bench.lost == []


def test_optional_message_is_included_if_it_has_arrived() -> None:
    bench = Bench()
    bench.add("depth", 5)
    assert bench.add("instances", 5) == ["depth 5", "instances 5"]
    bench.add("labels", 6)
    bench.add("depth", 6)
    assert bench.add("instances", 6) == ["depth 6", "instances 6", "labels 6"]


def test_messages_older_than_a_matched_frame_are_reported_as_unmatched() -> None:
    bench = Bench()
    for stamp in (1, 2, 3):
        bench.add("depth", stamp)
    assert bench.add("instances", 2) == ["depth 2", "instances 2"]
    assert bench.lost == ["depth 1"]
    assert bench.add("instances", 3) == ["depth 3", "instances 3"]


def test_oldest_message_is_reported_as_unmatched_when_the_queue_is_full() -> None:
    bench = Bench()
    for stamp in range(13):
        assert bench.add("depth", stamp) is None
    assert bench.lost == ["depth 0", "depth 1", "depth 2"]


def test_stamps_match_only_within_the_tolerance() -> None:
    exact, near = Bench(), Bench(tolerance_ns=10)
    for bench in (exact, near):
        bench.add("depth", 100)
        bench.add("depth", 108)
    assert exact.add("instances", 107) is None
    assert near.add("instances", 107) == ["depth 108", "instances 107"]
    near.add("depth", 130)
    assert near.add("instances", 141) is None
    assert near.add("depth", 151) == ["depth 151", "instances 141"]


@pytest.mark.parametrize("stamp", [0, 50])
def test_stamp_that_jumps_back_discards_queued_messages(stamp: int) -> None:
    bench = Bench()
    bench.add("depth", 100)
    bench.add("instances", 90)
    assert bench.add("depth", stamp) is None
    assert bench.add("instances", stamp) == [f"depth {stamp}", f"instances {stamp}"]
    assert bench.lost == [], "what belongs to the run before is not this run's loss"


def test_messages_that_all_have_stamp_zero_are_matched_in_turn() -> None:
    bench = Bench()
    for _ in range(3):
        assert bench.add("depth", 0) is None
        assert bench.add("instances", 0) == ["depth 0", "instances 0"]
