"""Results as files: pictures, point clouds, result folders."""
