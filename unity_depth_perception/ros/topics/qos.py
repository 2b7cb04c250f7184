"""Quality of service: reliable outputs, and subscriptions that match the QoS of their publishers."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

from rclpy.event_handler import PublisherEventCallbacks, SubscriptionEventCallbacks
from rclpy.node import Node
from rclpy.qos import (
    DurabilityPolicy,
    HistoryPolicy,
    QoSPolicyKind,
    QoSProfile,
    ReliabilityPolicy,
    qos_policy_name_from_kind,
)
from rclpy.qos_overriding_options import QoSOverridingOptions
from rclpy.subscription import Subscription

# Unity's endpoint and depth_image_proc subscribe reliably; a history of a few frames lets a slow reader catch up.
OUTPUT_QOS = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=5, reliability=ReliabilityPolicy.RELIABLE)

# For small messages that stay valid until the next one: a late subscriber gets the last message.
LATCHED_QOS = QoSProfile(
    history=HistoryPolicy.KEEP_LAST,
    depth=1,
    reliability=ReliabilityPolicy.RELIABLE,
    durability=DurabilityPolicy.TRANSIENT_LOCAL,
)

# Large enough for a burst of frames: the node counts those that it drops, DDS would lose them silently.
_INPUT_DEPTH = 10
_UNKNOWN_NUMBER = 2**64 - 1  # of a middleware that has no sequence numbers


class QosMismatches:
    """Counts and logs publishers and subscriptions of other nodes whose QoS is incompatible with this node's."""

    def __init__(self, node: Node) -> None:
        self._node = node
        self.count = 0
        self.last = ""

    def on_subscription(self, topic: str, lost: Callable[[int], None]) -> SubscriptionEventCallbacks:
        """Event callbacks of a subscription: report publishers with incompatible QoS, and messages that DDS lost."""
        return SubscriptionEventCallbacks(
            incompatible_qos=lambda event: self._note("publisher", topic, event),
            message_lost=lambda event: lost(event.total_count_change),
        )

    def on_publisher(self, topic: str) -> PublisherEventCallbacks:
        """Event callbacks of a publisher: report subscriptions with incompatible QoS."""
        return PublisherEventCallbacks(incompatible_qos=lambda event: self._note("subscription", topic, event))

    def _note(self, whose: str, topic: str, event: Any) -> None:
        self.count += event.total_count_change
        policy = qos_policy_name_from_kind(event.last_policy_kind)
        self.last = f"a {whose} of {self._node.resolve_topic_name(topic)} does not fit in {policy}"
        self._node.get_logger().warning(f"QoS mismatch: {self.last}")


def create_output_publisher(
    node: Node, message_type: type[Any], topic: str, mismatches: QosMismatches, profile: QoSProfile = OUTPUT_QOS
) -> Any:
    """Create a lifecycle publisher with `qos_overrides.*` parameters for history, depth and reliability."""
    return node.create_lifecycle_publisher(
        message_type,
        topic,
        copy.copy(profile),  # rclpy writes the overrides into it
        qos_overriding_options=QoSOverridingOptions.with_default_policies(),
        event_callbacks=mismatches.on_publisher(topic),
    )


class QosMatchingSubscription:
    """A subscription that is compatible with every publisher of its topic.

    A reliable subscription receives nothing from a best-effort publisher, and a best-effort one loses most large images
    on an untuned DDS. So it is best effort only if some publisher is. It is transient local only if all publishers are:
    it then gets the last camera_info of a publisher that sends it once. Call `match_publishers` periodically, because a
    publisher may restart with another QoS.
    """

    def __init__(
        self,
        node: Any,
        message_type: type[Any],
        topic: str,
        callback: Callable[[Any], None],
        mismatches: QosMismatches,
        reliability: str = "auto",
        raw: bool = False,
        depth: int = _INPUT_DEPTH,
    ) -> None:
        """`reliability`: auto, reliable or best_effort; `qos_overrides.*` parameters set history and depth."""
        self._node = node
        self._topic = topic
        self._callback = callback
        self._mismatches = mismatches
        self._reliability = reliability
        self._raw = raw
        self._depth = depth
        self.message_type = message_type
        self._publishers = 1  # of several publishers, sequence numbers do not tell what is lost
        self._last_number: int | None = None
        self.on_lost: Callable[[int], None] | None = None  # called with the number of messages that DDS lost
        self.qos = self._profile([])
        self._subscription: Subscription | None = self._subscribe()
        self.topic = str(self._subscription.topic_name)  # after namespace and remapping

    @property
    def publisher_count(self) -> int:
        """Number of publishers of the topic."""
        return int(self._node.count_publishers(self.topic))

    def match_publishers(self) -> bool:
        """Subscribe again if the QoS that the publishers offer requires it; True if so."""
        if self.is_paused:
            return False
        # By its full name: rclpy does not remap relative names in graph queries.
        offers = [info.qos_profile for info in self._node.get_publishers_info_by_topic(self.topic)]
        if len(offers) != self._publishers:
            self._publishers, self._last_number = len(offers), None
        profile = self._profile(offers) if offers else self.qos
        if (profile.reliability, profile.durability) == (self.qos.reliability, self.qos.durability):
            return False
        self.close()
        self.qos = profile
        self._subscription = self._subscribe()
        return True

    def close(self) -> None:
        """Destroy the subscription."""
        if self._subscription is not None:
            self._node.destroy_subscription(self._subscription)
            self._subscription = None

    @property
    def is_paused(self) -> bool:
        """Whether nothing is received."""
        return self._subscription is None

    def pause(self) -> None:
        """Receive nothing until `resume`."""
        self.close()

    def resume(self) -> None:
        """Receive again."""
        if self._subscription is None:
            self._subscription = self._subscribe()

    def _subscribe(self) -> Subscription:
        # Without reliability: an override parameter, once declared, would win over the reliability matched later.
        overrides = QoSOverridingOptions([QoSPolicyKind.HISTORY, QoSPolicyKind.DEPTH])
        return self._node.create_subscription(
            self.message_type,
            self._topic,
            self._take,
            self.qos,
            qos_overriding_options=overrides,
            event_callbacks=self._mismatches.on_subscription(self._topic, self._lost),
            raw=self._raw,
        )

    def _take(self, message: Any, info: Any) -> None:
        """Count the gap in the publisher's sequence numbers, then call the callback.

        Fast DDS does not report messages that its history drops because the node is busy as lost.
        """
        number, last = int(info["publication_sequence_number"]), self._last_number
        self._last_number = number if number != _UNKNOWN_NUMBER else None
        if self._last_number is not None and last is not None and self._publishers == 1 and number > last + 1:
            self._report_lost(number - last - 1)
        self._callback(message)

    def _lost(self, count: int) -> None:
        """The middleware reports lost messages: counted where there are no sequence numbers."""
        if self._last_number is None:
            self._report_lost(count)

    def _report_lost(self, count: int) -> None:
        if self.on_lost is not None:
            self.on_lost(count)

    def _profile(self, offers: list[QoSProfile]) -> QoSProfile:
        best_effort = any(offer.reliability == ReliabilityPolicy.BEST_EFFORT for offer in offers)
        if self._reliability != "auto":
            best_effort = self._reliability == "best_effort"
        latched = bool(offers) and all(offer.durability == DurabilityPolicy.TRANSIENT_LOCAL for offer in offers)
        return QoSProfile(
            history=HistoryPolicy.KEEP_LAST,
            depth=self._depth,
            reliability=ReliabilityPolicy.BEST_EFFORT if best_effort else ReliabilityPolicy.RELIABLE,
            durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
        )
