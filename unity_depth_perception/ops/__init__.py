"""Per-pixel functions in torch, one implementation for CPU and GPU. Tensors stay on their device."""
