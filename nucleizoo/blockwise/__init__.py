"""Volumes larger than memory: read, predicted, decoded and written block by block."""

from nucleizoo.blockwise.dask.cluster import HERE, Cluster, cluster
from nucleizoo.blockwise.dask.task import RunSpec
from nucleizoo.blockwise.job import Options
from nucleizoo.blockwise.predict import predict_volume
from nucleizoo.blockwise.write.formats import FORMATS

__all__ = ["FORMATS", "HERE", "Cluster", "Options", "RunSpec", "cluster", "predict_volume"]
