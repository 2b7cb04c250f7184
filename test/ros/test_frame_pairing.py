"""Frames get their own camera_info and pose: single rules, then random sequences against a slow, plain reference."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median
from typing import Any

import numpy as np
import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")

from geometry_msgs.msg import PoseStamped
from stand_ins import header

from unity_depth_perception.dataset.pairing.camera_poses import PoseBuffer
from unity_depth_perception.dataset.pairing.frame_pairing import FramePair, FramePairing

MS = 1_000_000
INTERVAL_S = 0.1


class Bench:
    """A pairing with poses, whose clock the test sets; infos are names, poses are told by their x."""

    def __init__(self, tolerance_ns: int = 20 * MS, size: int = 640) -> None:
        self.released: list[FramePair] = []
        self.counts: dict[str, int] = {}
        self.poses = PoseBuffer(tolerance_ns)
        self.pairing = FramePairing(self.released.append, self._count, self.poses)
        self.size = size

    def _count(self, name: str) -> None:
        self.counts[name] = self.counts.get(name, 0) + 1

    def frame(self, stamp_ns: int, now_s: float, name: Any = None, size: int = 640) -> None:
        self.advance(now_s)
        name = stamp_ns if name is None else name
        self.pairing.add_frame(header(stamp_ns), name, lambda info: info[1] == size, now_s)

    def info(self, stamp_ns: int, now_s: float, name: Any = None, size: int = 640) -> None:
        self.advance(now_s)
        self.pairing.add_info(stamp_ns, (stamp_ns if name is None else name, size), now_s)

    def pose(self, stamp_ns: int, now_s: float, x: float | None = None) -> None:
        self.advance(now_s)
        message = PoseStamped(header=header(stamp_ns))
        message.pose.position.x = stamp_ns / MS if x is None else x
        self.poses.update(message)
        self.pairing.expire(now_s)

    def advance(self, now_s: float) -> None:
        """What the node's timer does until `now_s`."""
        while (deadline_s := self.pairing.deadline_s) is not None and deadline_s <= now_s:
            self.pairing.expire(deadline_s)

    @property
    def pairs(self) -> list[tuple[Any, Any, float | None]]:
        return [
            (
                p.messages,
                None if p.info is None else p.info[0],
                None if p.pose is None else round(float(p.pose[0, 3]), 6),
            )
            for p in self.released
        ]

    def infos(self) -> list[tuple[Any, Any]]:
        return [pair[:2] for pair in self.pairs]


@pytest.mark.parametrize("info_first", [True, False])
def test_every_frame_of_a_zooming_camera_gets_its_own_camera_info(info_first: bool) -> None:
    bench = Bench()
    for k in range(1, 8):
        first, second = (bench.info, bench.frame) if info_first else (bench.frame, bench.info)
        first(k * 100 * MS, k * INTERVAL_S)
        second(k * 100 * MS, k * INTERVAL_S + 0.03)
    expected = [(k * 100 * MS, k * 100 * MS) for k in range(1, 8)]
    # With the frame first, nothing tells that a camera_info of its own will come until the first two have matched.
    assert bench.infos()[0 if info_first else 1 :] == expected[0 if info_first else 1 :]
    assert bench.counts["camera_info by stamp"] >= 6


def test_frame_does_not_wait_while_camera_infos_do_not_match() -> None:
    bench = Bench()
    bench.info(5, 0.0, "once")
    for k in range(1, 6):
        bench.frame(k * 100 * MS, k * INTERVAL_S)
        assert len(bench.released) == k, "at once"
    assert bench.counts == {"camera_info latest": 5}
    assert {info for _, info in bench.infos()} == {"once"}


def test_frame_waits_for_one_interval_at_most() -> None:
    bench = Bench()
    for k in range(1, 4):
        bench.info(k * 100 * MS, k * INTERVAL_S)
        bench.frame(k * 100 * MS, k * INTERVAL_S)
    bench.frame(400 * MS, 0.4)  # whose camera_info is lost
    bench.advance(0.499)
    assert len(bench.released) == 3
    bench.advance(0.501)
    assert bench.infos()[-1] == (400 * MS, 300 * MS)
    assert bench.counts == {"camera_info by stamp": 3, "camera_info latest": 1}


def test_frames_leave_in_their_order() -> None:
    bench = Bench()
    for k in (1, 2, 3):
        bench.info(k * 100 * MS, k * INTERVAL_S)
        bench.frame(k * 100 * MS, k * INTERVAL_S)
    bench.frame(400 * MS, 0.4)
    bench.frame(500 * MS, 0.42)
    bench.info(500 * MS, 0.43)
    assert len(bench.released) == 3
    bench.info(400 * MS, 0.44, "late")  # goes back: the camera's clock is taken to have restarted
    bench.advance(1.0)
    assert [name for name, _ in bench.infos()] == [100 * MS, 200 * MS, 300 * MS, 400 * MS, 500 * MS]


def test_change_of_size_loses_no_frame_whatever_the_stamps() -> None:
    for stamped in (True, False):
        bench = Bench()
        for k in range(1, 4):
            bench.info(k * 100 * MS if stamped else 0, k * INTERVAL_S)
            bench.frame(k * 100 * MS, k * INTERVAL_S)
        bench.frame(400 * MS, 0.4, size=320)
        bench.info(400 * MS if stamped else 0, 0.43, "small", size=320)
        assert bench.infos()[-1] == (400 * MS, "small")


def test_restart_of_the_simulation_forgets_the_camera_infos_of_the_run_before() -> None:
    bench = Bench()
    for k in (1, 2, 3):
        bench.info(k * 100 * MS, k * INTERVAL_S, f"old {k}")
        bench.frame(k * 100 * MS, k * INTERVAL_S)
    bench.frame(100 * MS, 0.4, "new 1")
    assert bench.infos()[-1] == ("new 1", "old 3"), "the latest, but not that of the same stamp"
    bench.info(100 * MS, 0.41, "new 1")
    bench.frame(200 * MS, 0.5, "new 2")
    bench.info(200 * MS, 0.51, "new 2")
    assert bench.infos()[-1] == ("new 2", "new 2")


def test_stamp_zero_is_no_stamp() -> None:
    bench = Bench()
    for k in range(5):
        bench.info(0, k * INTERVAL_S, k)
        bench.frame(0, k * INTERVAL_S + 0.01, k)
    assert bench.infos() == [(k, k) for k in range(5)]
    assert bench.counts == {"camera_info latest": 5}


@pytest.mark.parametrize(
    ("poses_ms", "expected"),
    [
        ([100], 100.0),
        ([99], 99.0),
        ([101], 101.0),
        ([90, 110], 100.0),
        ([95, 110], 100.0),
        ([60, 110], 110.0),
        ([79], None),
        ([121], None),
    ],
)
def test_pose_is_exact_interpolated_or_the_nearest_within_the_tolerance(
    poses_ms: list[int], expected: float | None
) -> None:
    bench = Bench()
    for stamp in poses_ms:
        bench.pose(stamp * MS, 0.0)
    bench.frame(100 * MS, 0.1)
    assert bench.pairs == [(100 * MS, None, expected)]
    assert bench.counts == {"poses missed" if expected is None else "poses used": 1}


def test_interpolated_pose_turns_with_constant_speed() -> None:
    poses = PoseBuffer(100 * MS)
    for stamp, quarter in ((0, 0.0), (100 * MS, 1.0)):
        message = PoseStamped(header=header(stamp))
        angle = quarter * np.pi / 2
        message.pose.orientation.z, message.pose.orientation.w = float(np.sin(angle / 2)), float(np.cos(angle / 2))
        poses.update(message)
    found = poses.lookup(header(25 * MS))
    assert np.degrees(np.arctan2(found[1, 0], found[0, 0])) == pytest.approx(22.5)


def test_frame_waits_for_a_late_pose() -> None:
    bench = Bench()
    for k in range(1, 5):
        bench.frame(k * 100 * MS, k * INTERVAL_S)
        bench.pose(k * 100 * MS, k * INTERVAL_S + 0.05)
    assert [pose for *_, pose in bench.pairs[1:]] == [200.0, 300.0, 400.0]
    assert bench.counts["poses used"] == 3


def test_poses_are_not_missed_where_nobody_publishes_them() -> None:
    bench = Bench()
    bench.frame(100 * MS, 0.1)
    assert bench.counts == {}


@dataclass
class Plain:
    """The rules of FramePairing again, slowly: all that ever arrived is kept, and every question is a search in it."""

    tolerance_ns: int
    frames: list[dict[str, Any]] = field(default_factory=list)
    infos: list[tuple[int, Any, int]] = field(default_factory=list)  # stamp, name, size
    poses: list[int] = field(default_factory=list)
    info_start: int = 0  # the run that camera_infos and poses are of begins here
    pose_start: int = 0
    frame_start: int = 0
    pairs: list[tuple[Any, Any, float | None]] = field(default_factory=list)

    def frame(self, stamp: int, now: float, name: Any, size: int) -> None:
        self.finish(now)
        earlier = self.frames[self.frame_start :]
        if earlier and stamp < earlier[-1]["stamp"]:
            self.frame_start = len(self.frames)
            if self.infos[self.info_start :] and self.infos[-1][0] > stamp:
                self.info_start = len(self.infos)
            if self.poses[self.pose_start :] and self.poses[-1] > stamp:
                self.pose_start = len(self.poses)
        last_three = self.frames[self.frame_start :][-3:]
        times = [f["now"] for f in self.frames][-5:] + [now]
        gaps = [b - a for a, b in pairwise(times)]
        wait = min(median(gaps), 1.0) if gaps and stamp != 0 else 0.0
        self.frames.append(
            {
                "stamp": stamp,
                "now": now,
                "name": name,
                "size": size,
                "needs info": stamp != 0 and any(self.own(f["stamp"]) for f in last_three),
                "needs pose": stamp != 0 and any(self.settled(f["stamp"]) for f in last_three),
                "until": now + wait,
                "left": False,
            }
        )
        self.leave(now)

    def info(self, stamp: int, now: float, name: Any, size: int) -> None:
        self.finish(now)
        if self.infos[self.info_start :] and stamp < self.infos[-1][0]:
            self.info_start = len(self.infos)
        self.infos.append((stamp, name, size))
        self.leave(now)

    def pose(self, stamp: int, now: float) -> None:
        self.finish(now)
        if self.poses[self.pose_start :] and stamp < self.poses[-1]:
            self.pose_start = len(self.poses)
        self.poses.append(stamp)
        self.leave(now)

    def finish(self, now: float) -> None:
        for until in sorted(f["until"] for f in self.frames if not f["left"]):
            if until <= now:
                self.leave(until)

    def own(self, stamp: int) -> tuple[int, Any, int] | None:
        same = [i for i in self.infos[self.info_start :] if i[0] == stamp and stamp != 0]
        return same[-1] if same else None

    def settled(self, stamp: int) -> bool:
        return any(p >= stamp for p in self.poses[self.pose_start :])

    def leave(self, now: float) -> None:
        for f in self.frames:
            if f["left"]:
                continue
            recent = self.infos[-5:]
            info_ready = self.own(f["stamp"]) is not None or (
                not f["needs info"] and (not recent or any(i[2] == f["size"] for i in recent))
            )
            if now < f["until"] and not (info_ready and (not f["needs pose"] or self.settled(f["stamp"]))):
                return  # the frames behind it wait too
            f["left"] = True
            own, fitting = self.own(f["stamp"]), [i for i in recent if i[2] == f["size"]]
            info = own or (fitting[-1] if fitting else recent[-1] if recent else None)
            self.pairs.append((f["name"], info and info[1], self.pose_of(f["stamp"])))

    def pose_of(self, stamp: int) -> float | None:
        run = self.poses[self.pose_start :]
        near = [p for p in run if abs(p - stamp) <= self.tolerance_ns]
        if stamp in run:
            return stamp / MS
        before, after = [p for p in run if p < stamp], [p for p in run if p > stamp]
        chosen = [p for p in ([max(before)] if before else []) + ([min(after)] if after else []) if p in near]
        if len(chosen) == 2:
            return stamp / MS  # x is linear in the stamp
        return chosen[0] / MS if chosen else None


def random_events(generator: random.Random) -> list[tuple[float, str, int, int]]:
    """(time, kind, stamp, size) of a camera with jitter, delay, loss, equal stamps, stamps of zero and restarts."""
    g = generator
    events: list[tuple[float, str, int, int]] = []
    stamp, size, start = 0, 640, 0.0
    loss, delay_s = g.choice([0, 0, 0.1, 0.4]), g.choice([0.0, 0.02, 0.08, 0.3])
    info_is_stamped, zero = g.random() < 0.8, g.random() < 0.1
    for k in range(g.randint(5, 25)):
        now = start + k * INTERVAL_S + g.uniform(0, 0.02)
        stamp += g.choice([100, 100, 100, 100, 0, 33]) * MS
        if g.random() < 0.05:
            stamp = g.choice([0, 50, 100, 200]) * MS
        if g.random() < 0.05:
            size = g.choice([640, 320])
        seen = 0 if zero else stamp
        events.append((now, "frame", seen, size))
        if g.random() >= loss:
            late = now + g.uniform(-0.05, delay_s)
            events.append((late, "info", seen if info_is_stamped else 0, size))
        for _ in range(g.choice([0, 1, 1, 2])):
            shift = g.choice([0, 0, 1, -1, 15, -15, 40, -40]) * MS
            if g.random() >= loss:
                events.append((now + g.uniform(-0.05, delay_s), "pose", max(0, seen + shift), 0))
    return sorted(events, key=lambda event: event[0])


@pytest.mark.parametrize("seed", range(20))
def test_random_sequences_are_paired_as_by_the_plain_reference(seed: int) -> None:
    generator = random.Random(seed)
    for _ in range(100):
        events, tolerance_ns = random_events(generator), generator.choice([0, 2, 20, 60]) * MS
        bench, plain = Bench(tolerance_ns), Plain(tolerance_ns)
        for number, (now, kind, stamp, size) in enumerate(events):
            if kind == "pose":
                bench.pose(stamp, now)
                plain.pose(stamp, now)
            else:
                getattr(bench, kind)(stamp, now, number, size)
                getattr(plain, kind)(stamp, now, number, size)
        bench.advance(1e9)
        plain.finish(1e9)
        assert bench.pairs == plain.pairs, events
        assert len(bench.pairs) == sum(kind == "frame" for _, kind, *_ in events), "no frame is lost"
