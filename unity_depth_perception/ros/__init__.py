"""ROS 2 adapters: messages to core types and back, parameters, QoS, diagnostics, lifecycle.

Besides `nodes` the only package that imports rclpy and messages.
"""
