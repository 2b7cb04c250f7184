"""From several views of one scene to one cloud: fused depth, poses, scale."""
