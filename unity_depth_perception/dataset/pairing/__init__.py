"""Pairing by stamp: each frame with its own camera_info and camera pose, live and in bags alike."""
