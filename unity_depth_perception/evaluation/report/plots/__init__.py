"""Plots of reports, made by matplotlib: SVG for the pages, PNG for report.md."""
