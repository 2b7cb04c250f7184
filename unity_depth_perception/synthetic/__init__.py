"""Virtual Unity: random scenes of cubes and parallelepipeds, rendered by a torch ray caster with exact ground truth."""
