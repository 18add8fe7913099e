"""Several trained runs on the same annotated images: which is better, by how much, and whether by chance."""

from nucleizoo.comparison.applied_protocol import scoring
from nucleizoo.comparison.models import open_run
from nucleizoo.comparison.pairs import Pair, find_pairs
from nucleizoo.comparison.published_scores import datasets, of_table
from nucleizoo.comparison.report import Comparison, compare

__all__ = ["Comparison", "Pair", "compare", "datasets", "find_pairs", "of_table", "open_run", "scoring"]
