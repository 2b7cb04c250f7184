"""Metric depth, segmentation and object distances for Unity simulations.

Nothing else may stand here: rosidl installs the generated messages under the same package name, and
``extend_path`` lets the source tree and the generated ``msg`` package be one package.
"""

__path__ = __import__("pkgutil").extend_path(__path__, __name__)
