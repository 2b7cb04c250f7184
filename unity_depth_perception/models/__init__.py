"""Depth and segmentation back ends. Import the protocols from `models.protocols`, make models with `models.registry`."""
