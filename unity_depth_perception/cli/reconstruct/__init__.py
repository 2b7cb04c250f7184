"""`unity-depth reconstruct`."""
