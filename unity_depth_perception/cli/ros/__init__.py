"""Commands that need ROS 2: they join a running graph."""
