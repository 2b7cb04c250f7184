"""Seeded random byte streams into the endpoint: nothing ends it, nothing is taken for what it is not."""

from __future__ import annotations

import contextlib
import json
import os
import random
import socket
import struct
import time
from pathlib import Path

import pytest
from memory_endpoint import Client, Running, wait_until

from unity_depth_perception.endpoint import commands

_WORDS = (
    "",
    "/image",
    "/nowhere",
    "__",
    "____init__",
    "__publish",
    "__subscribe",
    "__request",
    "__response",
    "\0",
    "\xff",
)
_VALUES = (
    None,
    -1,
    0,
    7,
    1e400,
    "x",
    "/image",
    "sensor_msgs/Image",
    "os/path",
    [],
    {},
    [[[]]],
    True,
    2**70,
    "a" * 5000,
)
_KEYS = ("topic", "message_name", "queue_size", "latch", "srv_id", "__class__")


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def random_frame(rng: random.Random) -> bytes:
    """A frame as an old, broken or hostile client may send it."""
    name = rng.choice([*_WORDS, *commands.KNOWN]).encode() + rng.choice([b"", b"\0", b"\xfe"])
    parameters = {key: rng.choice(_VALUES) for key in _KEYS if rng.random() < 0.6}
    payload = rng.choice([json.dumps(parameters).encode() + b"\0", rng.randbytes(rng.randrange(200)), b""])
    lengths = [len(name), len(payload)]
    if rng.random() < 0.15:
        lengths[rng.randrange(2)] = rng.choice([0, 1, 2**31, 2**32 - 1, rng.randrange(2**32), rng.randrange(400)])
    return struct.pack("<I", lengths[0]) + name + struct.pack("<I", lengths[1]) + payload


@pytest.mark.parametrize("count", [300, pytest.param(10_000, marks=pytest.mark.long)], ids=["short", "long"])
def test_honest_client_loses_no_frame_beside_random_streams(count: int) -> None:
    running = Running(frame_timeout_s=2.0)
    before_mb = resident_mb()
    try:
        honest = running.client().greeted()
        honest.command("__publish", topic="/honest", message_name="sensor_msgs/Image")
        rng, kept = random.Random(7), list[Client]()
        for index in range(count):
            bad = running.client()
            stream = b"".join(random_frame(rng) for _ in range(rng.randrange(1, 6)))
            with contextlib.suppress(OSError):
                bad.socket.sendall(stream[: rng.randrange(1, len(stream) + 1)])
            if rng.random() < 0.2:
                kept.append(bad)  # some never read and never leave
            else:
                with contextlib.suppress(OSError):
                    bad.socket.shutdown(socket.SHUT_RDWR)
                bad.socket.close()
            honest.send("/honest", struct.pack("<I", index) + bytes(1000))
            while len(kept) > 40:
                kept.pop(0).socket.close()
        wait_until(lambda: len(running.bridge.published["/honest"]) == count, 60.0)
        numbers = [struct.unpack_from("<I", payload)[0] for payload in running.bridge.published["/honest"]]
        assert numbers == list(range(count))
        for each in kept:
            each.socket.close()
        time.sleep(0.2)
        fresh = running.client().greeted()
        fresh.command("__topic_list")
        assert fresh.read()[0] == "__topic_list"
        assert running.server.counts["refused"] > count / 10
        assert resident_mb() - before_mb < 1000
    finally:
        running.stop()
