"""The dense network of the `compact` depth model, its room layout and its upsampling."""
