"""Networks as ONNX files for other programs, each with a README: `unity-depth export-model`."""
