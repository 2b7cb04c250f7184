"""Unity and ROS on two machines, each a network namespace of its own: which address the endpoint must listen on."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")

HERE = Path(__file__).parent
PORT = 10000
# Makes a network of two machines, waits for the endpoint to listen, and runs this file as Unity's machine.
TWO_HOSTS = """
set -e
ip link set lo up
unshare --net bash -c '
  ip link set lo up
  until ip link show ros 2>/dev/null >&2; do sleep 0.05; done
  ip addr add 10.99.0.1/24 dev ros
  ip link set ros up
  exec "$PYTHON" -m unity_depth_perception.nodes.unity_endpoint --ros-args -p ROS_IP:="$LISTEN" 2>&1
' &
ros_pid=$!
trap 'kill $ros_pid; wait $ros_pid || true' EXIT
until [ "$(readlink /proc/$ros_pid/ns/net)" != "$(readlink /proc/self/ns/net)" ]; do sleep 0.05; done
ip link add name unity type veth peer name ros netns "$ros_pid"
ip addr add 10.99.0.2/24 dev unity
ip link set unity up
"$PYTHON" "$UNITY_MACHINE"
"""


def two_hosts(listen: str) -> str:
    """What both machines say when the endpoint listens on an address; Unity's connects to 10.99.0.1."""
    environment = os.environ | {"LISTEN": listen, "PYTHON": sys.executable, "UNITY_MACHINE": __file__}
    command = ["unshare", "--user", "--map-root-user", "--net", "bash", "-c", TWO_HOSTS]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60).stdout


@pytest.fixture(autouse=True, scope="module")
def _namespaces() -> None:
    if not shutil.which("unshare") or not shutil.which("ip"):
        pytest.skip("needs unshare and ip (util-linux, iproute2)")
    trial = "ip link add name unity type veth peer name ros"
    if subprocess.run(
        ["unshare", "--user", "--map-root-user", "--net", "sh", "-c", trial], capture_output=True
    ).returncode:
        pytest.skip("network namespaces are not allowed here")


def test_endpoint_on_all_addresses_serves_another_machine() -> None:
    said = two_hosts("0.0.0.0")
    assert "connected, and heard itself" in said, said


def test_endpoint_on_the_loopback_is_out_of_reach_of_another_machine() -> None:
    said = two_hosts("127.0.0.1")
    assert "listening on 127.0.0.1:10000" in said, said
    assert "refused" in said, said


def unity_machine() -> None:
    """Publish a text to the endpoint and subscribe to it."""
    import socket
    import time

    from unity_client import UnityClient

    deadline = time.monotonic() + 8
    client = UnityClient(PORT, host="10.99.0.1")
    client.register_publisher("/text", "std_msgs/String")
    client.subscribe("/text", "std_msgs/String")
    text = b"\0\1\0\0\6\0\0\0hello\0"
    while not client.received["/text"] and time.monotonic() < deadline:
        client.publish("/text", text)
        time.sleep(0.1)
    if client.received["/text"]:
        is_same = client.received["/text"][0].payload == text
        sys.stdout.write("connected, and heard itself\n" if is_same else "heard something else\n")
        return
    try:
        socket.create_connection(("10.99.0.1", PORT), timeout=5).close()
    except ConnectionRefusedError:
        sys.stdout.write("refused\n")


if __name__ == "__main__":
    sys.path.insert(0, str(HERE))
    unity_machine()
