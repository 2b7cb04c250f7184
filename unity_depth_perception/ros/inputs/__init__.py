"""Inputs of the nodes: subscriptions, synchronisation by stamp, intrinsics, poses, and the frames made of them."""
