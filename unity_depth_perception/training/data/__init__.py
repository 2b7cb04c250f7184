"""Training data: shards, batches, splits, detection targets."""
