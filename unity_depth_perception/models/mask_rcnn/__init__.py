"""Mask R-CNN: detection, pasting of masks into an image, and the segmenter with torchvision's backbones."""
