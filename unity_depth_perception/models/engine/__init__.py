"""Inference engines: networks exported to ONNX, cached on disk, and run by ONNX Runtime or OpenVINO."""
