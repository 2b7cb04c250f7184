"""Executables: wiring only. What they do lives in `ros` (conversions, parameters) and in `pipeline`."""
