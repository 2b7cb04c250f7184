"""The embedded depth and segmentation models: small networks trained on virtual Unity, shipped with the package."""
