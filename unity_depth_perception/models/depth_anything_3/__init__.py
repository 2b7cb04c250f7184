"""Depth Anything 3: metric, monocular, nested and any-view variants."""
