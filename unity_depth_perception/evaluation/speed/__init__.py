"""Speed measurements: stages of the pipeline, and depth models beside their reference implementations."""
