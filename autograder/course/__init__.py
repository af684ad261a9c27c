"""The course folder, its settings, what was handed in, the gradebook's file, times."""
