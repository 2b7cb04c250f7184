"""Command `unity-depth doctor`: what is wrong with this machine, a dataset or a running ROS graph."""
