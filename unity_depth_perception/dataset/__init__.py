"""The Unity dataset folder: value type, reader, writer. Files are decoded with OpenCV."""
