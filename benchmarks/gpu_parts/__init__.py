"""The parts of benchmarks/gpu.py, each a script, and what they share."""
