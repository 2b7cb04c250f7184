"""Training of depth and segmentation networks: `train-depth` and `train-segmentation`."""
