"""Evaluation runs: many sources, many models, several processes, resumable."""
