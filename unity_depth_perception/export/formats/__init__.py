"""Writers of 3D file formats, one module per format."""
