"""Compare our endpoint with Unity's in one run: fake Unity -> TCP -> endpoint -> DDS -> a subscription, and back.

    python benchmarks/endpoints.py [--size 1024x1024] [--rate-hz 30] [--seconds 10] [--clients 1]

Latency is from before the frame is written to the socket until the raw message arrives in the subscription. With
--clients 2 a second client subscribes to the same images over TCP. Unity's endpoint takes part where the package
ros_tcp_endpoint is importable. Exit code 1 if an image of ours is missing.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import statistics
import struct
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from processes import ROOT, set_environment

sys.path.insert(0, str(ROOT / "test" / "wire"))

TOPIC, TYPE = "/image_raw", "sensor_msgs/Image"
WARM_UP_S = 30.0


class Measured(NamedTuple):
    """What one endpoint did with the images."""

    sent: int
    received: int
    latency_ms: tuple[float, float]  # p50, p99
    cpu_ms: float  # of the endpoint's process for each image
    over_tcp: int  # images that the second client received


def main() -> int:
    """Measure the endpoints in turn and print the ratios."""
    options = _parse()
    set_environment(profile=True)
    from endpoint import OURS, STOCK  # DDS reads its environment on import

    modules = {"ours": OURS}
    if importlib.util.find_spec("ros_tcp_endpoint"):
        modules["Unity's"] = STOCK
    rounds: dict[str, list[Measured]] = {name: [] for name in modules}
    for index in range(options.rounds):  # turn by turn, each first in every second round
        for name in list(modules)[:: -1 if index % 2 else 1]:
            rounds[name].append(_measure(modules[name], options))
    width, height = options.size
    print(f"{width} x {height} rgb8 at {options.rate_hz:g} Hz, {options.clients} clients, {os.cpu_count()} cores")
    for name, measured in rounds.items():
        for m in measured:
            tcp = f", {m.over_tcp} over TCP to the other client" if options.clients > 1 else ""
            latency = f"latency p50 {m.latency_ms[0]:.1f} p99 {m.latency_ms[1]:.1f} ms, CPU {m.cpu_ms:.1f} ms an image"
            print(f"{name:8} {m.received} of {m.sent} images, {latency}{tcp}")
    if len(modules) == 2:
        latency = statistics.median(a.latency_ms[0] / b.latency_ms[0] for a, b in zip(*rounds.values(), strict=True))
        cpu = statistics.median(a.cpu_ms / b.cpu_ms for a, b in zip(*rounds.values(), strict=True))
        print(f"ours / Unity's, median of the rounds: latency p50 {latency:.2f}, CPU {cpu:.2f}")
    print(f"load {os.getloadavg()[0]:.1f}")
    return 0 if all(m.received == m.sent for m in rounds["ours"]) else 1


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=lambda text: tuple(map(int, text.split("x"))), default=(1024, 1024))
    parser.add_argument("--rate-hz", type=float, default=30.0)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=4, help="measurements of each, turn by turn")
    parser.add_argument("--clients", type=int, choices=(1, 2), default=1)
    return parser.parse_args()


def _measure(module: str, options: argparse.Namespace) -> Measured:
    import rclpy
    from endpoint import Endpoint
    from rclpy.executors import SingleThreadedExecutor
    from rclpy.serialization import serialize_message
    from sensor_msgs.msg import Image
    from unity_client import UnityClient

    width, height = options.size
    image = Image(width=width, height=height, step=3 * width, encoding="rgb8")
    image.data.frombytes(os.urandom(3 * width * height))
    payload = bytearray(serialize_message(image))
    arrived: dict[int, float] = {}

    def take(data: bytes) -> None:
        arrived[struct.unpack_from("<i", data, 4)[0]] = time.perf_counter()

    rclpy.init()
    with tempfile.TemporaryDirectory() as folder:
        node = rclpy.create_node("endpoint_benchmark")
        node.create_subscription(Image, TOPIC, take, 10, raw=True)
        executor = SingleThreadedExecutor()
        executor.add_node(node)
        threading.Thread(target=executor.spin, daemon=True).start()
        endpoint = Endpoint(int(os.environ["ROS_DOMAIN_ID"]), Path(folder) / "endpoint.log", module)
        endpoint.start()
        unity = UnityClient(endpoint.port)
        other = UnityClient(endpoint.port) if options.clients == 2 else None
        unity.register_publisher(TOPIC, TYPE)
        if other is not None:
            other.subscribe(TOPIC, TYPE)
        sent: dict[int, float] = {}

        def send(number: int) -> None:
            struct.pack_into("<i", payload, 4, number)
            sent[number] = time.perf_counter()
            unity.publish(TOPIC, payload)

        try:
            _warm_up(send, arrived, lambda: other is None or bool(other.received[TOPIC]))
            before_s, over_tcp = _cpu_s(endpoint.pid), len(other.received[TOPIC]) if other else 0
            count = round(options.rate_hz * options.seconds)
            start_s = time.perf_counter()
            for number in range(count):
                time.sleep(max(start_s + number / options.rate_hz - time.perf_counter(), 0.0))
                send(number)
            time.sleep(2.0)
            cpu_ms = (_cpu_s(endpoint.pid) - before_s) * 1e3 / count
            over_tcp = len(other.received[TOPIC]) - over_tcp if other else 0
        finally:
            unity.close()
            if other is not None:
                other.close()
            endpoint.stop()
            executor.shutdown()
            rclpy.shutdown()
    latencies = [(arrived[k] - sent[k]) * 1e3 for k in range(count) if k in arrived]
    p50, p99 = np.percentile(latencies, (50, 99))
    return Measured(count, len(latencies), (float(p50), float(p99)), cpu_ms, over_tcp)


def _warm_up(send: Callable[[int], None], arrived: dict[int, float], is_ready: Callable[[], bool]) -> None:
    end, number = time.monotonic() + WARM_UP_S, -1
    while not (arrived and is_ready()):
        if time.monotonic() > end:
            raise SystemExit(f"timed out after {WARM_UP_S:g} s waiting for the first image")
        send(number)
        number -= 1
        time.sleep(0.2)
    time.sleep(1.0)
    arrived.clear()


def _cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    sys.exit(main())
