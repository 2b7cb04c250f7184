"""Conversions of ROS messages to arrays and values; any class with the fields of the message will do, so no ROS."""
