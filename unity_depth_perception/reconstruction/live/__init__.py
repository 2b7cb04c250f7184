"""Reconstruction of the last keyframes of a stream."""
