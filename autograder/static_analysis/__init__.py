"""What code does to names, read from its source without running it."""
