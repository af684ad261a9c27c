"""Many submissions at once: worker processes on this machine, or a Dask cluster."""
