"""Take in what a class handed in: one private copy for each student."""
