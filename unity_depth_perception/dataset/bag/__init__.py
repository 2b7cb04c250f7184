"""Bags: rosbag2 folders (sqlite3, mcap), written and read without ROS."""
