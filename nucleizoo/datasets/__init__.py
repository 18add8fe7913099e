"""Published data sets by name: fetched safely, checked, and arranged as folders of images and labels."""

from nucleizoo.datasets._arrange import Arranged, arrange
from nucleizoo.datasets._check import Report, check
from nucleizoo.datasets._fetch import Fetched, fetch
from nucleizoo.datasets._shown import described, listed, markdown
from nucleizoo.datasets._table import Archive, Dataset, named, table

__all__ = [
    "Archive", "Arranged", "Dataset", "Fetched", "Report", "arrange", "check", "described", "fetch", "listed",
    "markdown", "named", "table",
]  # fmt: skip
