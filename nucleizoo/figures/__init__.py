"""The figures of the papers; each function writes a PNG and the numbers in it as CSV."""

from nucleizoo.figures.ablation import ABLATIONS, ablation
from nucleizoo.figures.content import content
from nucleizoo.figures.generation import generation
from nucleizoo.figures.histograms import histograms
from nucleizoo.figures.interpolation import interpolation
from nucleizoo.figures.masks import masks
from nucleizoo.figures.sensitivity import sensitivity
from nucleizoo.figures.translation import translation
from nucleizoo.figures.volume import volume

__all__ = [
    "ABLATIONS", "ablation", "content", "generation", "histograms", "interpolation", "masks", "sensitivity",
    "translation", "volume",
]  # fmt: skip
