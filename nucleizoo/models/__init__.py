"""Models that ship with the package: run folders with a card, trained on rendered nuclei alone."""

from nucleizoo.models.card import FILE as CARD
from nucleizoo.models.card import Card
from nucleizoo.models.pack import pack
from nucleizoo.models.shelf import SHELF, named, shipped, suited

__all__ = ["CARD", "SHELF", "Card", "named", "pack", "shipped", "suited"]
