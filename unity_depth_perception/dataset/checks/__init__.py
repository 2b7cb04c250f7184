"""Findings of the checks of a dataset."""
