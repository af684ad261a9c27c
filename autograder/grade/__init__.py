"""Grade a class on several workers, and write the gradebook."""
