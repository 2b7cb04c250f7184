"""How well the pipeline does: evaluation over datasets, reports, a baseline to compare with."""
