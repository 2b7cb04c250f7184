"""Kinds of scenes other than the plain room: open ground under a sky, furniture that objects stand on."""
