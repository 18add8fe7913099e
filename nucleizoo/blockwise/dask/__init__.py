"""Tasks run by dask workers, on this machine or a cluster."""
