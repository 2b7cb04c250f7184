"""Metrics that streams of frames are scored by; each keeps constant memory, and the parts of several workers merge."""
