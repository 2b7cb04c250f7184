"""Mask R-CNN: detection, pasting of masks, and the segmenter over torchvision's backbones."""
