"""For tools that ask for it; the metadata is in setup.cfg."""

from setuptools import setup

setup()
