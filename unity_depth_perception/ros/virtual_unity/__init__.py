"""What virtual_unity_node publishes: samples as messages, prepared ahead of time."""
