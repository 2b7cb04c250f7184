"""Ranges of scene seeds, disjoint, so that accuracy is never measured on training scenes.

0 ..                          tests, demonstrations, benchmarks of speed
FIRST_TRAINING_SEED ..        training pools (training/data/scene_pool.py)
FIRST_DATASET_SEED ..         dataset folders and measurements of accuracy: `scene_seed`
"""

FIRST_TRAINING_SEED = 1_000_000_000
FIRST_DATASET_SEED = 2_000_000_000
IMAGES_PER_SEED = 1_000_000
LARGEST_SEED = 2**31 - 1  # of a dataset: scene seeds then fit 64 bits


def scene_seed(seed: int, index: int) -> int:
    """Seed of image `index` of a dataset of seed `seed` >= 0: unique, and never used in training."""
    return FIRST_DATASET_SEED + seed * IMAGES_PER_SEED + index
