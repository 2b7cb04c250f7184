"""`unity-depth web`."""
