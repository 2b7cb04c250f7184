"""The Unity dataset folder: value type, reader, writer. Needs NumPy and OpenCV, no torch."""
