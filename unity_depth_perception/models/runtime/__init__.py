"""How networks run: device, precision, acceleration, preprocessing."""
