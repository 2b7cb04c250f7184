"""Value types, camera geometry, support inference and metrics. Needs NumPy alone."""
