"""Conversions between ROS messages and the package's own types: functions without state, node or subscription."""
