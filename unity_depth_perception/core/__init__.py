"""Value types, camera geometry, association and metrics. Needs NumPy alone."""
