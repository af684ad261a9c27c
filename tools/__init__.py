"""What people run by hand over the sources: today, the generator of notebooks/."""
