"""The support library of the book: densities, flow layers, training, plots, checks."""
