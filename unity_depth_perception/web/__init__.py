"""Web page: drop an image, see its objects, depth and 3D view, and measure by clicking."""
