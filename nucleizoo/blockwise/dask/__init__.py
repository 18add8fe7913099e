"""Tasks done by the workers of dask, on this machine or a cluster."""
