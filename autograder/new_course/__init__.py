"""A course away from this repository: a small one that works, to begin with."""
