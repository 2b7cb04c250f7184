"""Evaluation of the pipeline over datasets: scores, reports, speed, and a baseline to compare with."""
