"""Checks of `unity-depth doctor --graph` on a snapshot of the running graph (`ros.graph_snapshot`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from unity_depth_perception.cli.doctor.finding import NOTE, OK, PROBLEM, Finding

if TYPE_CHECKING:
    from unity_depth_perception.ros.graph_snapshot import GraphSnapshot, Topic, TopicEndpoint

_NEEDED = ("sensor_msgs/msg/Image", "sensor_msgs/msg/CompressedImage")  # without one of these, a node has no input
_STATES = (OK, NOTE, PROBLEM, PROBLEM)  # by level of DiagnosticStatus
_BRIGHT, _DARK = 250, 5  # of 255
_MAX_EXTREME_RATIO = 0.5  # share of the pixels
_FLIPPED_RATIO = 1.5  # of the detection scores of the flipped to those of the upright image

DetectionScore = Callable[[NDArray[np.uint8]], float]


def check_nodes(snapshot: GraphSnapshot) -> list[Finding]:
    """Findings from the diagnostics of each node, or one that no node reports."""
    if not snapshot.nodes:
        detail = f"no node of this package reports in domain {snapshot.domain_id}: start one, or set ROS_DOMAIN_ID"
        return [Finding("nodes", PROBLEM, detail)]
    findings = []
    for node in snapshot.nodes:
        status = snapshot.statuses[f"{node}: frames"]
        counts = ", ".join(f"{k} {v}" for k, v in status.values.items() if k in ("received", "processed", "dropped"))
        reason = status.values.get("last reason", "")
        detail = "; ".join(part for part in (status.text, counts, reason and f"last refused: {reason}") if part)
        findings.append(Finding(node, _STATES[min(status.level, 3)], detail))
        if note := status.values.get("frame_id note", ""):
            findings.append(Finding(node, NOTE, note))
    return findings


def check_silent_topics(snapshot: GraphSnapshot) -> list[Finding]:
    """Find subscribed topics without a publisher, and name published topics of the same type."""
    findings = []
    for topic in snapshot.topics:
        if (
            not snapshot.is_input(topic)
            or topic.publishers
            or topic.name.startswith(("/parameter_events", "/clock", "/tf"))
        ):
            continue
        others = [t.name for t in snapshot.topics if t.type == topic.type and t.publishers]
        instead = f"; published with this type: {', '.join(others)}" if others else ""
        state = PROBLEM if topic.type in _NEEDED and not _published(snapshot, _NEEDED, topic) else NOTE
        findings.append(Finding(topic.name, state, f"nobody publishes it{instead}"))
    return findings


def check_qos(snapshot: GraphSnapshot) -> list[Finding]:
    """Find publishers and subscriptions of a topic with incompatible QoS."""
    findings = []
    for topic in snapshot.topics:
        pairs = [(p, s, why) for p in topic.publishers for s in topic.subscriptions if (why := _mismatch(p, s))]
        for publisher, subscription, why in pairs:
            detail = f"{subscription.node} hears nothing of {publisher.node}: {why}"
            findings.append(Finding(topic.name, PROBLEM, detail))
    return findings


def check_images(snapshot: GraphSnapshot, detection_score: DetectionScore) -> list[Finding]:
    """Check exposure and orientation of each input image; `detection_score` sums the scores of its detections."""
    findings = [Finding(name, PROBLEM, why) for name, why in snapshot.unreadable.items()]
    for name, image in snapshot.images.items():
        findings.append(check_image(name, image, detection_score))
    return findings


def check_image(name: str, image: NDArray[np.uint8], detection_score: DetectionScore) -> Finding:
    """Check exposure and orientation of an image (H, W, 3)."""
    height, width = image.shape[:2]
    size = f"{width} x {height}"
    bright, dark = float((image >= _BRIGHT).all(2).mean()), float((image <= _DARK).all(2).mean())
    if bright > _MAX_EXTREME_RATIO:
        return Finding(name, PROBLEM, f"{size}, over-exposed: {bright:.0%} of the pixels are white; dim the lights")
    if dark > _MAX_EXTREME_RATIO:
        return Finding(name, PROBLEM, f"{size}, {dark:.0%} of the pixels are black: is the scene lit and rendered?")
    upright, turned = detection_score(image), detection_score(np.ascontiguousarray(image[::-1]))
    if turned > _FLIPPED_RATIO * upright:
        detail = f"{size}, seems to be upside down: more is found in it when it is turned; set flip_vertical"
        return Finding(name, NOTE, detail)
    return Finding(name, OK, f"{size}, mean brightness {image.mean():.0f} of 255")


def _published(snapshot: GraphSnapshot, types: tuple[str, ...], topic: Topic) -> bool:
    """Whether a subscriber of `topic` also subscribes to a published topic of these types."""
    nodes = {end.node for end in topic.subscriptions}
    return any(
        t.type in types and t.publishers and any(end.node in nodes for end in t.subscriptions) for t in snapshot.topics
    )


def _mismatch(publisher: TopicEndpoint, subscription: TopicEndpoint) -> str:
    if publisher.reliability == "BEST_EFFORT" and subscription.reliability == "RELIABLE":
        return "it offers best effort, reliable is asked for"
    if publisher.durability == "VOLATILE" and subscription.durability == "TRANSIENT_LOCAL":
        return "it offers volatile, transient local is asked for"
    return ""
