"""The interfaces between the engine and everything on the shelf."""

from nucleizoo.contracts.critic import check_critic
from nucleizoo.contracts.dataset import Augment, Dataset, DataSpec, Sample
from nucleizoo.contracts.decoder import Decoder
from nucleizoo.contracts.loss import Loss
from nucleizoo.contracts.method import Clock, Group, Method, Task, Update
from nucleizoo.contracts.scaling import Scaling
from nucleizoo.contracts.target import Channel, Target

__all__ = [
    "Augment", "Channel", "Clock", "DataSpec", "Dataset", "Decoder", "Group", "Loss", "Method",
    "Sample", "Scaling", "Target", "Task", "Update", "check_critic",
]  # fmt: skip
