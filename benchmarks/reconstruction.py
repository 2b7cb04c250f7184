"""Service ~/reconstruct beside the perception: frames before and during it, frames refused, seconds, memory.

    python benchmarks/reconstruction.py [--size 640x480] [--seconds 30] [--frames 60]

virtual_unity_node sends a tour (with all frames of one round), perception_node works with `compact`, each in a process
of its own. After `seconds` of keyframes the service is called once.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from processes import set_environment

DEADLINE_S = 600.0


def main() -> None:
    """Start the processes, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--size", type=lambda text: tuple(map(int, text.split("x"))), default=(640, 480))
    parser.add_argument("--seconds", type=float, default=30.0)
    parser.add_argument("--frames", type=int, default=60)
    options = parser.parse_args()
    set_environment(profile=True)
    width, height = options.size
    unity = {"source": "tour", "tour_frames": options.frames, "width": width, "height": height, "rate_hz": 10.0}
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder) / "nodes.log"
        with log.open("wb") as out:
            nodes = [start("virtual_unity_node", out, **unity), start("perception_node", out, depth_model="compact")]
        try:
            measure(nodes[1].pid, options.seconds)
        finally:
            for node in nodes:
                node.terminate()
                node.wait()
            print(*[line for line in log.read_text(errors="replace").splitlines() if "reconstruct:" in line], sep="\n")


def start(name: str, log: Any, **parameters: Any) -> subprocess.Popen[bytes]:
    """A node in a process of its own."""
    command = [sys.executable, "-m", f"unity_depth_perception.nodes.{name}", "--ros-args"]
    for key, value in parameters.items():
        command += ["-p", f"{key}:={value}"]
    return subprocess.Popen(command, stdout=log, stderr=log)


def measure(pid: int, seconds: float) -> None:
    """Count frames before and during one call of the service."""
    import rclpy  # DDS reads its environment on import
    from diagnostic_msgs.msg import DiagnosticArray
    from sensor_msgs.msg import PointCloud2
    from std_srvs.srv import Trigger
    from unity_depth_perception.msg import ObjectDistanceArray

    from unity_depth_perception.ros.topics.diagnostics import values_of
    from unity_depth_perception.ros.topics.qos import LATCHED_QOS
    from unity_depth_perception.ros.topics.reconstruction_outputs import POINTS

    rclpy.init()
    client = rclpy.create_node("benchmark")
    frames: list[float] = []
    clouds: list[PointCloud2] = []
    values: dict[str, str] = {}
    client.create_subscription(ObjectDistanceArray, "objects/distances", lambda _: frames.append(time.monotonic()), 10)
    client.create_subscription(PointCloud2, POINTS, clouds.append, LATCHED_QOS)
    client.create_subscription(
        DiagnosticArray, "/diagnostics", lambda m: values.update((values_of(m, "/perception_node") or (0, {}))[1]), 10
    )
    service = client.create_client(Trigger, "perception_node/reconstruct")

    def spin(condition: Any, limit_s: float = DEADLINE_S) -> None:
        end = time.monotonic() + limit_s
        while not condition() and time.monotonic() < end:
            rclpy.spin_once(client, timeout_sec=0.05)

    spin(lambda: bool(frames))
    spin(lambda: False, seconds)
    memory_mb, count, start_s = resident_mb(pid), len(frames), time.monotonic()
    before_hz = count / (frames[-1] - frames[0])
    future = service.call_async(Trigger.Request())
    peak = [memory_mb]

    def has_ended() -> bool:
        peak.append(resident_mb(pid))
        return bool(clouds) or "failed" in values.get("last reconstruction", "")

    spin(has_ended)
    taken_s = time.monotonic() - start_s
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}: {future.result().message}")
    print(f"frames: {before_hz:.2f} per second before, {(len(frames) - count) / taken_s:.2f} during {taken_s:.1f} s")
    print(f"refused: {values.get('refused')}, lost: {values.get('lost')}; points: {[c.width for c in clouds]}")
    print(f"memory: {memory_mb:.0f} MB before, {max(peak):.0f} MB at most")
    rclpy.shutdown()


def resident_mb(pid: int) -> float:
    """Resident memory of a process [MB]."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    main()
