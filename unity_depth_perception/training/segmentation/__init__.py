"""Training of Mask R-CNN: initial weights, checkpoint, report."""
