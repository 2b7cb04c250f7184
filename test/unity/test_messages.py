"""Message classes in C#: what they write is byte for byte what rclpy writes."""

from __future__ import annotations

import math
import random
import string
from pathlib import Path
from typing import Any

import pytest
import unity_messages
from mono import PACKAGE, Mono

pytest.importorskip("rclpy", reason="needs rclpy, whose serialisation is the reference")

from rclpy.serialization import deserialize_message, serialize_message
from standard_messages import TYPES, message_class

OWN = tuple(
    f"unity_depth_perception/{name}" for name in ("DistanceStatistics", "ObjectDistance", "ObjectDistanceArray")
)
VISION = ("vision_msgs/VisionClass", "vision_msgs/LabelInfo")
COUNT = 1000
_LETTERS = string.ascii_letters + " äß漢😀\n\"'"


@pytest.fixture(scope="module")
def message_probe(mono: Mono, connector: Path, messages: Path) -> Path:
    return mono.program("MessageProbe", mono.test_sources("csharp/messages"), [connector, messages])


def random_message(name: str, rng: random.Random) -> Any:
    message = message_class(name)()
    for field, idl in message.get_fields_and_field_types().items():
        setattr(message, field, random_value(idl, rng, getattr(message, field)))
    return message


def random_value(idl: str, rng: random.Random, present: Any) -> Any:
    """A value of a field; lengths of strings and arrays are often 0 and seldom multiples of 4."""
    if idl.startswith("sequence<"):
        return [random_value(idl[9:-1], rng, None) for _ in range(rng.choice([0, 0, 1, 2, 3, 7]))]
    if idl.endswith("]"):
        return [rng.uniform(-1e3, 1e3) for _ in present]
    if "/" in idl:
        return random_message(idl, rng)
    if idl == "string":
        return "".join(rng.choice(_LETTERS) for _ in range(rng.choice([0, 0, 1, 2, 3, 4, 5, 11])))
    if idl == "boolean":
        return rng.random() < 0.5
    if idl in ("float", "double"):
        return rng.choice([math.nan, math.inf, -0.0, 0.1, float(rng.randrange(1 << 20))])
    bits = int(idl.lstrip("uint"))
    return rng.getrandbits(bits) if idl.startswith("u") else rng.getrandbits(bits) - (1 << (bits - 1))


def answers(mono: Mono, program: Path, lines: list[str]) -> list[bytes]:
    return [bytes.fromhex(line) for line in mono.run(program, text="\n".join(lines)).splitlines()]


def assert_same_message(name: str, data: bytes, expected: bytes) -> None:
    """The bytes are the same but for padding: rclpy leaves in it what was in its buffer, and may fill the last word."""
    assert len(expected) - len(data) in (0, -len(data) % 4), name
    data += bytes(len(expected) - len(data))
    filled = bytes(ours if ours == theirs else 0xA5 for ours, theirs in zip(data, expected, strict=True))
    decoded = [repr(deserialize_message(form, message_class(name))) for form in (data, filled, expected)]
    assert len(set(decoded)) == 1, name


@pytest.mark.parametrize("names", [OWN, VISION, TYPES], ids=["own", "vision", "standard"])
def test_bytes_are_those_of_rclpy(mono: Mono, message_probe: Path, names: tuple[str, ...]) -> None:
    rng = random.Random(4)
    asked = [rng.choice(names) for _ in range(COUNT)]
    written = [serialize_message(random_message(name, rng)) for name in asked]
    again = answers(mono, message_probe, [f"{n} {data.hex()}" for n, data in zip(asked, written, strict=True)])
    assert len({len(data) for data in written}) > 5
    for name, sent, came in zip(asked, written, again, strict=True):
        assert_same_message(name, came, sent)


def test_new_messages_are_those_of_rclpy(mono: Mono, message_probe: Path) -> None:
    """Quaternions are left out: in ROS a new one is (0, 0, 0, 1), and the connector's generator knows no defaults."""
    names = [name for name in (*OWN, *VISION, *TYPES) if "Pose" not in name and "Transform" not in name]
    names.remove("geometry_msgs/Quaternion")
    for name, data in zip(names, answers(mono, message_probe, names), strict=True):
        assert_same_message(name, data, serialize_message(message_class(name)()))


def test_committed_classes_are_what_the_script_generates() -> None:
    expected = unity_messages.generate(unity_messages.SOURCES, unity_messages.OUTPUT)
    assert {path: path.read_text(encoding="utf-8") for path in unity_messages.OUTPUT.rglob("*.cs")} == expected
    assert all(paths for paths in unity_messages.SOURCES.values())


def test_no_message_file_lies_where_unity_would_import_it() -> None:
    found = [path for suffix in ("msg", "srv", "action") for path in PACKAGE.rglob(f"*.{suffix}")]
    assert [path for path in found if not any(part.endswith("~") for part in path.parts)] == []


def test_generator_refuses_what_it_does_not_know() -> None:
    with pytest.raises(ValueError, match="expected a line such as"):
        list(unity_messages.parse("uint8 RED=1\n", "x_msgs"))


def test_arrays_and_packages_are_named_as_the_connector_names_them() -> None:
    text = "uint8[] a\nfloat64[9] b\nstring[<=3] c # c\ngeometry_msgs/Point[] d\nOwn e\n"
    fields = [item for item in unity_messages.parse(text, "my_msgs") if isinstance(item, unity_messages.Field)]
    assert [(f.type, f.initial, f.read) for f in fields] == [
        ("byte[]", "new byte[0]", "deserializer.Read(out this.a, sizeof(byte), deserializer.ReadLength());"),
        ("double[]", "new double[9]", "deserializer.Read(out this.b, sizeof(double), 9);"),
        ("string[]", "new string[0]", "deserializer.Read(out this.c, deserializer.ReadLength());"),
        (
            "Geometry.PointMsg[]",
            "new Geometry.PointMsg[0]",
            "deserializer.Read(out this.d, Geometry.PointMsg.Deserialize, deserializer.ReadLength());",
        ),
        ("OwnMsg", "new OwnMsg()", "this.e = OwnMsg.Deserialize(deserializer);"),
    ]
    assert unity_messages.namespace("unity_depth_perception") == "UnityDepthPerception"
    assert unity_messages.namespace("builtin_interfaces") == "BuiltinInterfaces"
