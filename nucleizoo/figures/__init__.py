"""The figures of the papers, drawn from runs: each function leaves a PNG and the numbers in it as CSV."""

from nucleizoo.figures._ablation import ABLATIONS, ablation
from nucleizoo.figures._content import content
from nucleizoo.figures._interpolation import interpolation
from nucleizoo.figures._sensitivity import sensitivity

__all__ = ["ABLATIONS", "ablation", "content", "interpolation", "sensitivity"]
