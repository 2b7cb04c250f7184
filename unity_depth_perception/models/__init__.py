"""Depth and segmentation models. Protocols: `models.protocols`; creation by name: `models.registry`."""
