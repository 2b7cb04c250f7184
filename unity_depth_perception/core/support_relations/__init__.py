"""Support relations: which object each object stands on, inferred from geometry and from the masks."""
