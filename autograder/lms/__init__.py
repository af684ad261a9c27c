"""Learning management systems: their downloads, class lists and grade columns."""
