"""Synchronisation by stamp: matched messages make a frame, unmatched ones are reported."""

from __future__ import annotations

import random

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


class PlainSynchronizer:
    """The rules of StampSynchronizer again, slowly: a list of all waiting messages, searched for every question."""

    def __init__(self, tolerance_ns: int, needed: tuple[str, ...]) -> None:
        self.tolerance_ns, self.needed = tolerance_ns, needed
        self.waiting: list[tuple[str, int, int]] = []  # topic, stamp, number
        self.last: dict[str, int] = {}
        self.lost: list[tuple[str, int]] = []

    def add(self, topic: str, stamp: int, number: int) -> dict[str, int] | None:
        if stamp < self.last.get(topic, stamp):
            self.waiting = [w for w in self.waiting if w[1] <= stamp]
        self.last[topic] = stamp
        self.waiting = [w for w in self.waiting if w[:2] != (topic, stamp)] + [(topic, stamp, number)]
        found: dict[str, tuple[str, int, int]] = {}
        for name in TOPICS:
            near = [w for w in self.waiting if w[0] == name and abs(w[1] - stamp) <= self.tolerance_ns]
            if near:
                distance = min(abs(w[1] - stamp) for w in near)
                found[name] = next(w for w in self.of(name) if w in near and abs(w[1] - stamp) == distance)
        if not set(self.needed) <= set(found):
            if len(self.of(topic)) > 10:
                self.lose(min(self.of(topic), key=lambda w: w[1]))
            return None
        for message in found.values():
            self.waiting.remove(message)
        for name, message in found.items():
            for older in [w for w in self.of(name) if w[1] < message[1]]:
                self.lose(older)
        return {name: message[2] for name, message in found.items()}

    def of(self, topic: str) -> list[tuple[str, int, int]]:
        return [w for w in self.waiting if w[0] == topic]

    def lose(self, message: tuple[str, int, int]) -> None:
        self.waiting.remove(message)
        self.lost.append(message[:2])


@pytest.mark.parametrize("seed", range(20))
def test_random_sequences_are_synchronised_as_by_the_plain_reference(seed: int) -> None:
    g = random.Random(seed)
    for _ in range(100):
        tolerance, needed = g.choice([0, 0, 3, 12]), g.choice([("depth", "instances"), TOPICS])
        lost: list[tuple[str, int]] = []
        ours = StampSynchronizer(TOPICS, tolerance, lambda topic, stamp, lost=lost: lost.append((topic, stamp)))
        plain = PlainSynchronizer(tolerance, needed)
        stamp, events = 0, []
        for k in range(g.randint(5, 40)):
            stamp = g.choice([0, 0, 20]) if g.random() < 0.05 else stamp + g.choice([10, 10, 10, 0])
            for topic in TOPICS:
                if g.random() > 0.15:
                    events.append(
                        (k + g.choice([0, 0, 0.5, 3]) + g.random() / 4, topic, stamp + g.choice([0, 0, 0, 2]))
                    )
        for number, (_, topic, at) in enumerate(sorted(events)):
            found = ours.add(topic, at, number, set(needed).issubset)
            assert found == plain.add(topic, at, number), events
            assert sorted(lost) == sorted(plain.lost)
