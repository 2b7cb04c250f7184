"""The endpoint over real sockets with a bridge in memory: frames, commands, bounds, and clients beside each other."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import random
import socket
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from memory_endpoint import MemoryBridge, Running, wait_until

from unity_depth_perception.core.errors import ConfigurationError, InputError
from unity_depth_perception.endpoint.commands import Registration, parse_parameters, parse_registration
from unity_depth_perception.endpoint.frames import FrameReader, encode_command, encode_frame, frame_head
from unity_depth_perception.endpoint.outgoing import OutgoingQueue
from unity_depth_perception.endpoint.server import EndpointServer, EndpointSettings

IMAGE = {"topic": "/image", "message_name": "sensor_msgs/Image", "queue_size": 10, "latch": False}


@pytest.fixture
def start() -> Iterator[Callable[..., Running]]:
    running: list[Running] = []

    def make(**settings: object) -> Running:
        running.append(Running(**settings))
        return running[-1]

    yield make
    for each in running:
        each.stop()


def test_handshake_names_version_and_protocol(start: Callable[..., Running]) -> None:
    destination, payload = start().client().read()
    assert destination == "__handshake"
    content = json.loads(payload)
    assert content["version"].startswith("v0.7.")
    assert json.loads(content["metadata"]) == {"protocol": "ROS2"}


def test_messages_pass_from_a_publisher_to_a_subscriber(start: Callable[..., Running]) -> None:
    running = start()
    unity, other = running.client().greeted(), running.client().greeted()
    other.command("__subscribe", topic="/image", message_name="sensor_msgs/Image")
    unity.socket.sendall(bytes(8))  # keep-alive
    unity.command("__publish", **IMAGE)
    wait_until(lambda: len(running.bridge.delivers["/image"]) == 1)
    payload = random.Random(0).randbytes(3_000_000)
    unity.send("/image", payload)
    assert other.read() == ("/image", payload)
    assert running.server.counts["published"] == 1


def test_registration_twice_is_one(start: Callable[..., Running]) -> None:
    running = start()
    unity = running.client().greeted()
    for _ in range(2):
        unity.command("__publish", **IMAGE)
    unity.send("/image", b"1")
    wait_until(lambda: running.bridge.published["/image"] == [b"1"])


def test_removal_and_leaving_end_what_was_registered(start: Callable[..., Running]) -> None:
    running = start()
    unity = running.client().greeted()
    unity.command("__publish", **IMAGE)
    unity.command("__subscribe", topic="/tf", message_name="tf2_msgs/TFMessage")
    wait_until(lambda: len(running.bridge.registered[1]) == 2)
    unity.command("__remove_publisher", topic="/image")
    wait_until(lambda: running.bridge.registered[1] == {("__subscribe", "/tf")})
    unity.socket.close()
    wait_until(lambda: 1 not in running.bridge.registered)
    wait_until(lambda: running.server.client_count == 0)


def test_topic_list_is_answered(start: Callable[..., Running]) -> None:
    unity = start().client().greeted()
    unity.command("__topic_list")
    destination, payload = unity.read()
    assert destination == "__topic_list"
    assert json.loads(payload) == {"topics": ["/image", "/tf"], "types": ["sensor_msgs/Image", "tf2_msgs/TFMessage"]}


def test_services_both_ways(start: Callable[..., Running]) -> None:
    running = start()
    unity = running.client().greeted()
    unity.command("__ros_service", topic="/double", message_name="std_srvs/Trigger")
    unity.command("__request", srv_id=7)
    unity.socket.sendall(bytes(8))  # a keep-alive in between is no request
    unity.send("/double", b"ab")
    assert json.loads(unity.read()[1]) == {"srv_id": 7}
    assert unity.read() == ("/double", b"abab")
    unity.command("__request", srv_id=8)
    unity.send("/double", b"silent")
    assert "did not answer" in json.loads(unity.read()[1])["text"]

    unity.command("__unity_service", topic="/ask", message_name="std_srvs/Trigger")
    wait_until(lambda: "/ask" in running.bridge.serves)
    answers: list[bytes | None] = []
    running.bridge.serves["/ask"](b"question", answers.append)
    destination, payload = unity.read()
    assert destination == "__request"
    assert unity.read() == ("/ask", b"question")
    unity.command("__response", srv_id=json.loads(payload)["srv_id"])
    unity.send("/ask", b"answer")
    wait_until(lambda: answers == [b"answer"])
    running.bridge.serves["/ask"](b"question", answers.append)
    unity.read()
    unity.socket.close()  # a client that leaves has no answer any more
    wait_until(lambda: answers == [b"answer", None])


@pytest.mark.parametrize(
    ("destination", "payload", "text"),
    [
        ("____init__", b"{}", "expected a command of ROS-TCP-Connector 0.7"),
        ("__class__", b"{}", "expected a command"),
        ("__subscribe", b"{}", "expected a topic or service"),
        ("__subscribe", b"[1]", "as a JSON object"),
        ("__subscribe", b"\xff\xfe", "expected parameters as JSON"),
        ("__subscribe", b"[" * 60000, "expected parameters as JSON"),
        ("__publish", b'{"topic": "/a", "message_name": "os"}', "expected message_name as package/Name"),
        ("__publish", b'{"topic": "/a", "message_name": "a/B", "queue_size": 1e99}', "expected queue_size"),
        ("__publish", b'{"topic": "/a b", "message_name": "a/B"}', "expected a topic or service"),
        ("__publish", b'{"topic": "/a", "message_name": "a/Unknown"}', "unknown type"),
        ("__request", b'{"srv_id": "x"}', "expected srv_id as a whole number"),
        ("/nowhere", b"1", "/nowhere is not registered"),
    ],
)
def test_what_cannot_be_used_is_told_and_the_connection_goes_on(
    start: Callable[..., Running], destination: str, payload: bytes, text: str
) -> None:
    running = start()
    unity = running.client().greeted()
    unity.send(destination, payload)
    name, answer = unity.read()
    assert name == "__error"
    assert text in json.loads(answer)["text"]
    assert len(answer) < 800
    unity.command("__publish", **IMAGE)
    unity.send("/image", b"1")
    wait_until(lambda: running.bridge.published["/image"] == [b"1"])
    assert running.server.counts["refused"] == 1


def test_client_is_told_an_error_once_however_many_frames_have_it(start: Callable[..., Running]) -> None:
    running = start()
    unity = running.client().greeted()
    for _ in range(50):
        unity.send("/nowhere", b"1")
    unity.send("/elsewhere", b"1")
    texts = [json.loads(unity.read()[1])["text"] for _ in range(2)]
    assert ["/nowhere" in texts[0], "/elsewhere" in texts[1]] == [True, True]
    assert running.server.counts["refused"] == 51


def test_response_to_an_unknown_request_harms_nobody(start: Callable[..., Running]) -> None:
    running = start()
    good, bad = running.client().greeted(), running.client().greeted()
    bad.command("__response", srv_id=123456)
    bad.send("/x", b"")
    assert "expected srv_id of a request that waits" in json.loads(bad.read()[1])["text"]
    good.command("__publish", **IMAGE)
    good.send("/image", b"1")
    wait_until(lambda: running.bridge.published["/image"] == [b"1"])


def test_claimed_lengths_cost_nothing_and_too_long_ones_end_the_connection(start: Callable[..., Running]) -> None:
    running = start(max_message_bytes=1000)
    for claim in (
        struct.pack("<I", 0xFFFFFFFF),
        struct.pack("<I", 1025),
        struct.pack("<I", 2) + b"/a" + struct.pack("<I", 1001),
    ):
        client = running.client().greeted()
        client.socket.sendall(claim)
        assert client.is_closed()
    assert running.server.counts["refused"] == 3
    wait_until(lambda: sum("expected a" in line for line in running.log) == 3)


def test_half_frames_time_out_and_idle_clients_do_not(start: Callable[..., Running]) -> None:
    running = start(frame_timeout_s=0.3)
    idle, half = running.client().greeted(), running.client().greeted()
    half.socket.sendall(struct.pack("<I", 5) + b"/im")
    assert half.is_closed()
    idle.command("__topic_list")
    assert idle.read()[0] == "__topic_list"


def test_honest_client_loses_nothing_beside_greedy_slow_and_dead_ones(start: Callable[..., Running]) -> None:
    running = start(max_partial_bytes=8 << 20, max_message_bytes=64 << 20)
    others = [running.client().greeted() for _ in range(40)]
    for index, other in enumerate(others):
        if index % 2:
            other.socket.setblocking(False)  # claims 64 MiB and sends what fits into the socket
            with contextlib.suppress(BlockingIOError, ConnectionError):
                other.socket.sendall(struct.pack("<I", 2) + b"/a" + struct.pack("<I", 64 << 20) + bytes(4 << 20))
        else:
            other.socket.sendall(struct.pack("<I", 2))
    honest = running.client().greeted()
    honest.command("__publish", **IMAGE)
    for index in range(30):
        honest.send("/image", bytes([index]) * 1_000_000)
    wait_until(lambda: len(running.bridge.published["/image"]) == 30)
    assert [payload[0] for payload in running.bridge.published["/image"]] == list(range(30))
    for other in others:
        other.socket.close()


def test_slow_reader_gets_the_newest_image_and_losses_are_counted(start: Callable[..., Running]) -> None:
    running = start()
    slow, unity = running.client().greeted(), running.client().greeted()
    slow.command("__subscribe", topic="/image", message_name="sensor_msgs/Image")
    unity.command("__publish", **IMAGE)
    wait_until(lambda: len(running.bridge.delivers["/image"]) == 1)
    sent = 60
    for index in range(sent):
        unity.send("/image", bytes([index]) * 1_000_000)
    wait_until(lambda: len(running.bridge.published["/image"]) == sent)
    seen = []
    while not seen or seen[-1] != sent - 1:
        seen.append(slow.read()[1][0])
    assert seen == sorted(seen)
    assert running.server.counts["dropped_to_slow_client"] == sent - len(seen) > 0


def test_client_that_lets_a_thousand_answers_pile_up_is_disconnected(start: Callable[..., Running]) -> None:
    running = start()
    running.bridge.topics = lambda: [(f"/topic{k}", "std_msgs/String") for k in range(1000)]  # type: ignore[method-assign]
    client = running.client().greeted()
    with contextlib.suppress(ConnectionError, TimeoutError):
        for _ in range(3000):
            client.command("__topic_list")
    wait_until(lambda: running.server.client_count == 0)
    assert any("does not read" in line for line in running.log)


def test_more_clients_than_allowed_are_refused(start: Callable[..., Running]) -> None:
    running = start(max_clients=2)
    kept = [running.client().greeted() for _ in range(2)]
    assert running.client().is_closed()
    assert running.server.counts["refused_connections"] == 1
    kept[0].command("__topic_list")
    assert kept[0].read()[0] == "__topic_list"


def test_taken_port_is_told_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"cannot listen on 127.0.0.1:{port}"):
            EndpointServer(MemoryBridge(), EndpointSettings(port=port), print, print)


def test_reader_takes_frames_in_any_pieces() -> None:
    """The law: what is encoded is read, however the bytes are cut."""
    rng = random.Random(1)
    frames = [(f"/topic{k}", rng.randbytes(rng.choice([0, 1, 70_000, 300_000]))) for k in range(20)]
    stream = b"".join(encode_frame(*frame) for frame in frames)

    async def run() -> list[tuple[str, bytes]]:
        place = 0

        async def receive_into(view: memoryview) -> int:
            nonlocal place
            count = min(len(view), rng.choice([1, 3, 1000, 100_000]), len(stream) - place)
            view[:count] = stream[place : place + count]
            place += count
            return count

        reader, read = FrameReader(receive_into, 1 << 20, 60.0), []
        while (frame := await reader.read()) is not None:
            read.append((frame.destination, bytes(frame.payload)))
        return read

    assert asyncio.run(run()) == frames


def resident_mb() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


def test_memory_grows_with_what_has_come_and_not_with_the_claim() -> None:
    sizes: list[int] = []
    before_mb = resident_mb()

    async def run() -> None:
        stream = struct.pack("<I", 2) + b"/a" + struct.pack("<I", 50 << 20) + bytes(200_000)
        place = 0

        async def receive_into(view: memoryview) -> int:
            nonlocal place
            count = min(len(view), len(stream) - place)
            view[:count] = stream[place : place + count]
            place += count
            return count

        with pytest.raises(InputError, match="the end of the connection in the middle"):
            await FrameReader(receive_into, 64 << 20, 5.0, lambda received, _: sizes.append(received)).read()

    asyncio.run(run())
    assert max(sizes) == 200_000
    assert resident_mb() - before_mb < 10  # of 50 that were claimed
    assert sizes[-1] == 0


def test_commands_come_before_messages_and_topics_take_turns() -> None:
    async def run() -> list[bytes]:
        queue = OutgoingQueue(asyncio.get_running_loop(), lambda _: None)
        for index in range(3):
            queue.put_message("/a", bytes([index]))
            queue.put_message("/b", bytes([index]))
        queue.put_command(encode_command("__log", {}))
        return [b"".join(await queue.take()) for _ in range(7)]

    first, *rest = asyncio.run(run())
    assert b"__log" in first
    assert rest == [b"".join([frame_head(topic, 1), bytes([index])]) for index in range(3) for topic in ("/a", "/b")]


def test_registration_is_parsed_as_unity_sends_it() -> None:
    parameters = parse_parameters("__publish", json.dumps(IMAGE).encode() + b"\0")
    assert parse_registration("__publish", parameters) == Registration("__publish", "/image", "sensor_msgs", "Image")
    named = parse_registration("__subscribe", {"topic": "/a", "message_name": "a_b/msg/C1", "latch": 1})
    assert (named.package, named.interface, named.latch) == ("a_b", "C1", True)
