"""Reports of evaluations: HTML pages, Markdown, JSON and CSV; the front door of the room."""

from unity_depth_perception.evaluation.report.comparison import COMPARISON_FILES, write_comparison
from unity_depth_perception.evaluation.report.folder import write_report

__all__ = ["COMPARISON_FILES", "write_comparison", "write_report"]
