"""The figures of the papers, each function writes a PNG and the numbers in it as CSV."""

from nucleizoo.figures.ablation import ABLATIONS, ablation
from nucleizoo.figures.content import content
from nucleizoo.figures.interpolation import interpolation
from nucleizoo.figures.sensitivity import sensitivity
from nucleizoo.figures.volume import volume

__all__ = ["ABLATIONS", "ablation", "content", "interpolation", "sensitivity", "volume"]
