"""Depth and segmentation back ends. Protocols: `models.protocols`; make models with `models.registry`."""
