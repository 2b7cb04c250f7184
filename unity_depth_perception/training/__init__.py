"""Training of the embedded models on virtual Unity: `train-depth` and `train-segmentation`."""
