"""The `unity-depth` command."""
