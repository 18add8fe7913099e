"""The interfaces between the engine and everything on the shelf."""

from nucleizoo.contracts.critic import check_critic
from nucleizoo.contracts.decoder import Decoder
from nucleizoo.contracts.loss import Loss
from nucleizoo.contracts.method import Clock, Group, Method, Task, Update
from nucleizoo.contracts.scaling import Scaling
from nucleizoo.contracts.source import Augment, Frame, Sample, Source
from nucleizoo.contracts.target import Channel, Target

__all__ = [
    "Augment", "Channel", "Clock", "Decoder", "Frame", "Group", "Loss", "Method",
    "Sample", "Scaling", "Source", "Target", "Task", "Update", "check_critic",
]  # fmt: skip
