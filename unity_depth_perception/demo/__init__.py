"""The main job: virtual Unity and the perception node as two processes, their results beside the truth."""
