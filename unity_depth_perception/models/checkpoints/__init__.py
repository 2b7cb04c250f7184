"""Weight files: local safetensors files, and published weights on the hub or in its cache."""
