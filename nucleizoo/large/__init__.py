"""Volumes larger than memory: read, predicted, decoded and written block by block."""

from nucleizoo.large._job import Options, predict_volume
from nucleizoo.large._output import FORMATS

__all__ = ["FORMATS", "Options", "predict_volume"]
