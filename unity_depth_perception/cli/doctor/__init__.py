"""Command `unity-depth doctor`: checks of this machine, a dataset or a running ROS graph."""
