"""The interfaces between the engine and all registered entries."""

from nucleizoo.contracts.blending import Blending
from nucleizoo.contracts.capabilities import ContentCoder, IntensityMatcher, Interpolator, Translator
from nucleizoo.contracts.dataset import Augment, Dataset, DataSpec, Sample
from nucleizoo.contracts.decoder import Decoder
from nucleizoo.contracts.hook import Hook
from nucleizoo.contracts.importer import Importer
from nucleizoo.contracts.loss import GANLoss, Loss
from nucleizoo.contracts.method import Clock, Group, Method, Task, Update
from nucleizoo.contracts.program import LabelProgram, Program
from nucleizoo.contracts.scaling import Scaling
from nucleizoo.contracts.target import Channel, Target

__all__ = [
    "Augment", "Blending", "Channel", "Clock", "ContentCoder", "DataSpec", "Dataset", "Decoder", "GANLoss",
    "Group", "Hook", "Importer", "IntensityMatcher", "Interpolator", "LabelProgram", "Loss", "Method",
    "Program", "Sample", "Scaling", "Target", "Task", "Translator", "Update",
]  # fmt: skip
