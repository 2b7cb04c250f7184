"""The embedded models: small networks trained on virtual Unity, shipped with the package."""
