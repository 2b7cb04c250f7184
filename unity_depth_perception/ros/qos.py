"""Quality of service: outputs are reliable, a subscription adopts what the publishers of its topic offer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from rclpy.node import Node
from rclpy.qos import DurabilityPolicy, HistoryPolicy, QoSProfile, ReliabilityPolicy
from rclpy.subscription import Subscription

# Unity's endpoint and depth_image_proc subscribe reliably; a few frames of history let a slow reader catch up.
OUTPUT_QOS = QoSProfile(history=HistoryPolicy.KEEP_LAST, depth=5, reliability=ReliabilityPolicy.RELIABLE)

# Enough that frames which arrive in a burst are counted as dropped by the node, not lost unseen in the middleware.
_INPUT_DEPTH = 10


class AdoptingSubscription:
    """A subscription that hears every publisher of its topic.

    A reliable subscription hears nothing from a best-effort publisher, and a best-effort one loses most large images on
    an untuned DDS. So: best effort only if some publisher offers nothing better. Likewise transient local (the last
    camera_info of a publisher that sends it once) only if every publisher offers it. `adopt` is to be called now and
    then: a publisher may come back with another offer.
    """

    def __init__(
        self,
        node: Node,
        message_type: type[Any],
        topic: str,
        callback: Callable[[Any], None],
        reliability: str = "auto",
    ) -> None:
        self._node = node
        self._message_type = message_type
        self._topic = topic
        self._callback = callback
        self._reliability = reliability
        self.qos = self._profile([])
        self._subscription = self._subscribe()

    @property
    def topic(self) -> str:
        """The full name, after namespace and remapping."""
        return str(self._subscription.topic_name)

    @property
    def publisher_count(self) -> int:
        """How many publishers the topic has."""
        return int(self._node.count_publishers(self._topic))

    def adopt(self) -> bool:
        """Subscribe anew if the offers ask for it; whether that was so."""
        offers = [info.qos_profile for info in self._node.get_publishers_info_by_topic(self._topic)]
        profile = self._profile(offers) if offers else self.qos
        if (profile.reliability, profile.durability) == (self.qos.reliability, self.qos.durability):
            return False
        self.close()
        self.qos = profile
        self._subscription = self._subscribe()
        return True

    def close(self) -> None:
        """Stop listening."""
        self._node.destroy_subscription(self._subscription)

    def _subscribe(self) -> Subscription:
        return self._node.create_subscription(self._message_type, self._topic, self._callback, self.qos)

    def _profile(self, offers: list[QoSProfile]) -> QoSProfile:
        best_effort = any(offer.reliability == ReliabilityPolicy.BEST_EFFORT for offer in offers)
        if self._reliability != "auto":
            best_effort = self._reliability == "best_effort"
        latched = bool(offers) and all(offer.durability == DurabilityPolicy.TRANSIENT_LOCAL for offer in offers)
        return QoSProfile(
            history=HistoryPolicy.KEEP_LAST,
            depth=_INPUT_DEPTH,
            reliability=ReliabilityPolicy.BEST_EFFORT if best_effort else ReliabilityPolicy.RELIABLE,
            durability=DurabilityPolicy.TRANSIENT_LOCAL if latched else DurabilityPolicy.VOLATILE,
        )
