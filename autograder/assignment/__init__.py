"""An assignment as data: its exam, its cells, what each student has alone."""
