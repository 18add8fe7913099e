"""Volumes larger than memory: read, predicted, decoded and written block by block."""

from nucleizoo.io.join_planes import join_planes
from nucleizoo.large._cluster import HERE, Cluster, cluster
from nucleizoo.large._options import Options
from nucleizoo.large._order import RunSpec
from nucleizoo.large._output import FORMATS
from nucleizoo.large._predicting import predict_volume

__all__ = ["FORMATS", "HERE", "Cluster", "Options", "RunSpec", "cluster", "join_planes", "predict_volume"]
