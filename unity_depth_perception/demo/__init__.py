"""Demo: virtual Unity and perception_node as two processes, and a comparison of their results with ground truth."""
