"""Commands `unity-depth benchmark`: speed of this machine, accuracy of the embedded models."""
