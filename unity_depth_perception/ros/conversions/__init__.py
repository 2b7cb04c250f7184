"""Conversions between ROS messages and the package's own values; no node, no subscription."""
