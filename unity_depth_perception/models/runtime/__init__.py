"""Execution of networks: device, precision, acceleration, preprocessing."""
