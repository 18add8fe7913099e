"""Published data sets by name: fetched safely, checked, and arranged as folders of images and labels."""

from nucleizoo.published._arrange import Arranged, arrange
from nucleizoo.published._check import Report, check
from nucleizoo.published._fetch import Fetched, fetch
from nucleizoo.published._shown import described, listed, markdown
from nucleizoo.published._table import Archive, PublishedSet, named, table

__all__ = [
    "Archive",
    "Arranged",
    "Fetched",
    "PublishedSet",
    "Report",
    "arrange",
    "check",
    "described",
    "fetch",
    "listed",
    "markdown",
    "named",
    "table",
]  # fmt: skip
