"""Depth Anything V2, metric variants."""
