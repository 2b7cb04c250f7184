"""Datasets as samples: Unity dataset folder (reader, writer, check) and COCO instances files."""
