"""Subscriptions, pairing by stamp, and the frames that they make."""
