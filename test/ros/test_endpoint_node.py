"""unity_endpoint on a real ROS graph: a client on a socket, other nodes on the other side."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator

import pytest

pytest.importorskip("rclpy", reason="needs ROS 2 (make setup)")

from conftest import Graph
from endpoint import free_port
from rclpy.lifecycle import TransitionCallbackReturn
from rclpy.parameter import Parameter
from rclpy.qos import DurabilityPolicy, QoSProfile, ReliabilityPolicy
from rclpy.serialization import deserialize_message, serialize_message
from sensor_msgs.msg import CameraInfo, Image
from std_msgs.msg import String
from std_srvs.srv import SetBool, Trigger
from unity_client import Registration, UnityClient, command_frame

from unity_depth_perception.nodes.unity_endpoint import UnityEndpointNode

MakeClient = Callable[[], UnityClient]


@pytest.fixture
def node(graph: Graph) -> UnityEndpointNode:
    node = UnityEndpointNode(context=graph.context, parameter_overrides=[Parameter("ROS_TCP_PORT", value=0)])
    graph.add(node)
    assert node.autostart()
    return node


@pytest.fixture
def connect(graph: Graph, node: UnityEndpointNode) -> Iterator[MakeClient]:
    clients: list[UnityClient] = []

    def make() -> UnityClient:
        assert node.server is not None
        clients.append(UnityClient(node.server.port))
        graph.spin_until(lambda: clients[-1].connected, "the greeting")
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def command(client: UnityClient, name: str, parameters: dict[str, object]) -> None:
    client._register(Registration(name, parameters))


def test_published_messages_reach_ros_though_the_topic_is_registered_again(graph: Graph, connect: MakeClient) -> None:
    received = graph.collect(String, "/text")
    client = connect()
    client.register_publisher("/text", "std_msgs/String")

    def arrived() -> bool:
        client.publish("/text", serialize_message(String(data="start")))
        return bool(received)

    graph.spin_until(arrived, "the first message")
    for index in range(20):
        client.register_publisher("/text", "std_msgs/String")
        client.publish("/text", serialize_message(String(data=str(index))))
        graph.spin_for(0.02)  # the subscription keeps five
    texts = lambda: [message.data for message in received if message.data != "start"]  # noqa: E731
    graph.spin_until(lambda: len(texts()) == 20, "all messages")
    assert texts() == [str(index) for index in range(20)]
    assert graph.node.count_publishers("/text") == 1


def test_latched_publisher_serves_late_subscribers(graph: Graph, connect: MakeClient) -> None:
    client = connect()
    client.register_publisher("/info", "sensor_msgs/CameraInfo", 1, latch=True)
    client.publish("/info", serialize_message(CameraInfo(width=7)))
    graph.spin_until(lambda: graph.node.count_publishers("/info") == 1, "the publisher")
    graph.spin_for(0.3)
    late: list[CameraInfo] = []
    graph.node.create_subscription(
        CameraInfo, "/info", late.append, QoSProfile(depth=1, durability=DurabilityPolicy.TRANSIENT_LOCAL)
    )
    graph.spin_until(lambda: [message.width for message in late] == [7], "the latched message")


@pytest.mark.parametrize("reliability", [ReliabilityPolicy.RELIABLE, ReliabilityPolicy.BEST_EFFORT])
def test_subscription_hears_reliable_and_best_effort_publishers(
    graph: Graph, connect: MakeClient, reliability: ReliabilityPolicy
) -> None:
    publisher = graph.node.create_publisher(String, "/text", QoSProfile(depth=5, reliability=reliability))
    client, other = connect(), connect()
    for each in (client, other):
        each.subscribe("/text", "std_msgs/String")

    def heard() -> bool:
        publisher.publish(String(data="x"))
        return bool(client.received["/text"] and other.received["/text"])

    graph.spin_until(heard, "the message at both clients")
    assert deserialize_message(client.received["/text"][0].payload, String).data == "x"


def test_client_that_leaves_takes_its_entities_with_it(graph: Graph, connect: MakeClient) -> None:
    client, other = connect(), connect()
    for each in (client, other):
        each.register_publisher("/shared", "std_msgs/String")
    client.register_publisher("/own", "std_msgs/String")
    client.subscribe("/wanted", "std_msgs/String")
    graph.spin_until(lambda: graph.node.count_subscribers("/wanted") == 1, "the subscription")
    client.close()
    gone = lambda: graph.node.count_publishers("/own") + graph.node.count_subscribers("/wanted") == 0  # noqa: E731
    graph.spin_until(gone, "the end of its entities")
    assert graph.node.count_publishers("/shared") == 1


def test_unity_calls_a_service_of_ros(graph: Graph, connect: MakeClient) -> None:
    def serve(request: SetBool.Request, response: SetBool.Response) -> SetBool.Response:
        response.success, response.message = request.data, "served"
        return response

    graph.node.create_service(SetBool, "/switch", serve)
    client = connect()
    command(client, "__ros_service", {"topic": "/switch", "message_name": "std_srvs/SetBool"})
    graph.spin_for(0.5)
    client._send(*command_frame("__request", {"srv_id": 5}))
    client.publish("/switch", serialize_message(SetBool.Request(data=True)))
    graph.spin_until(lambda: bool(client.received["/switch"]), "the response")
    response = deserialize_message(client.received["/switch"][0].payload, SetBool.Response)
    assert (response.success, response.message) == (True, "served")
    assert json.loads(client.said[-1].partition(" ")[2]) == {"srv_id": 5}


def test_call_of_an_absent_service_is_told(graph: Graph, connect: MakeClient) -> None:
    client = connect()
    command(client, "__ros_service", {"topic": "/absent", "message_name": "std_srvs/Trigger"})
    client._send(*command_frame("__request", {"srv_id": 5}))
    client.publish("/absent", serialize_message(Trigger.Request()))
    graph.spin_until(lambda: any("nobody offers it" in text for text in client.said), "the error")


def test_ros_calls_a_service_of_unity_while_the_executor_sleeps(graph: Graph, connect: MakeClient) -> None:
    client = connect()
    command(client, "__unity_service", {"topic": "/ask", "message_name": "std_srvs/Trigger"})
    caller = graph.node.create_client(Trigger, "/ask")
    graph.spin_until(caller.service_is_ready, "the service")
    futures = [caller.call_async(Trigger.Request()) for _ in range(3)]
    graph.spin_until(lambda: len(client.received["/ask"]) == 3, "the requests")
    started_s = time.process_time()
    graph.spin_for(0.5)  # Unity takes its time
    assert time.process_time() - started_s < 0.4
    numbers = [json.loads(text.partition(" ")[2])["srv_id"] for text in client.said if text.startswith("__request")]
    for number in reversed(numbers):
        client._send(*command_frame("__response", {"srv_id": number}))
        client.publish("/ask", serialize_message(Trigger.Response(success=True, message=str(number))))
    graph.spin_until(lambda: all(future.done() for future in futures), "the responses")
    assert sorted(future.result().message for future in futures) == sorted(map(str, numbers))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("no_such_package/Image", "expected a msg that is installed here"),
        ("sensor_msgs/NoSuchMessage", "expected a msg that is installed here"),
        ("os/Path", "expected a msg that is installed here"),
    ],
)
def test_unknown_types_are_refused_with_the_reason(graph: Graph, connect: MakeClient, name: str, text: str) -> None:
    client = connect()
    client.subscribe("/a", name)
    graph.spin_until(lambda: any(text in said for said in client.said), "the error")


def test_another_type_on_a_topic_of_another_client_is_refused(graph: Graph, connect: MakeClient) -> None:
    first, second = connect(), connect()
    first.register_publisher("/a", "std_msgs/String")
    graph.spin_until(lambda: graph.node.count_publishers("/a") == 1, "the publisher")
    second.register_publisher("/a", "sensor_msgs/Image")
    graph.spin_until(lambda: any("as another client registered it" in said for said in second.said), "the error")


def test_damaged_messages_are_refused_and_the_next_good_one_passes(
    graph: Graph, connect: MakeClient, node: UnityEndpointNode
) -> None:
    received = graph.collect(Image, "/image")
    client = connect()
    client.register_publisher("/image", "sensor_msgs/Image")
    good = serialize_message(Image(width=3, height=2, step=9, encoding="rgb8", data=bytes(18)))
    for bad in (b"", b"\0\1\0\0", good[:30], b"\0\0\0\0" + good[4:], good[:4] + b"\xff" * 60):
        client.publish("/image", bad)
    client.publish("/image", good)
    graph.spin_until(lambda: len(received) == 1, "the good image")
    assert node.server is not None
    assert node.server.counts["refused"] == 5


def test_topics_of_the_graph_are_listed_by_type(graph: Graph, connect: MakeClient) -> None:
    graph.node.create_publisher(String, "/text", 1)
    client = connect()
    graph.spin_until(lambda: ("/text", ["std_msgs/msg/String"]) in graph.node.get_topic_names_and_types(), "the topic")
    client._send(*command_frame("__topic_list", {}))
    graph.spin_until(lambda: any(said.startswith("__topic_list") for said in client.said), "the list")
    content = json.loads(client.said[-1].partition(" ")[2])
    assert dict(zip(content["topics"], content["types"], strict=True))["/text"] == "std_msgs/String"


def test_taken_port_fails_the_configuration_with_a_sentence(graph: Graph, node: UnityEndpointNode) -> None:
    assert node.server is not None
    second = UnityEndpointNode(
        context=graph.context, parameter_overrides=[Parameter("ROS_TCP_PORT", value=node.server.port)]
    )
    graph.add(second)
    assert second.trigger_configure() == TransitionCallbackReturn.FAILURE
    assert "is another endpoint running?" in second.failure


def test_deactivated_endpoint_ends_its_connections_and_listens_again(graph: Graph, domain_id: int) -> None:
    port = free_port()
    node = UnityEndpointNode(context=graph.context, parameter_overrides=[Parameter("ROS_TCP_PORT", value=port)])
    graph.add(node)
    assert node.autostart()
    client = UnityClient(port)
    try:
        graph.spin_until(lambda: client.connected, "the greeting")
        client.register_publisher("/text", "std_msgs/String")
        graph.spin_until(lambda: graph.node.count_publishers("/text") == 1, "the publisher")
        assert node.trigger_deactivate() == TransitionCallbackReturn.SUCCESS
        graph.spin_until(lambda: graph.node.count_publishers("/text") == 0, "the end of the publisher")
        assert node.trigger_cleanup() == TransitionCallbackReturn.SUCCESS
        assert node.autostart()
        graph.spin_until(lambda: graph.node.count_publishers("/text") == 1, "the client's return")
        assert client.connections == 2
    finally:
        client.close()
