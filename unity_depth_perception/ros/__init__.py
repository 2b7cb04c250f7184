"""ROS 2 side of the nodes: conversions, inputs, topics, parameters, lifecycle and worker, virtual Unity.

Only this package, `nodes` and `demo` import rclpy and messages; `dds_profile` and this module work without ROS.
"""
