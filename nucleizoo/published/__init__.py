"""Published data sets by name: download, check and arrange them as folders of images and labels."""

from nucleizoo.published.arrange import Arranged, arrange
from nucleizoo.published.check import Report, check
from nucleizoo.published.fetch import Fetched, fetch
from nucleizoo.published.shown import described, listed, markdown
from nucleizoo.published.table import Archive, PublishedSet, named, table

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
