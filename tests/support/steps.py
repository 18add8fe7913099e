"""One step of a method, whose gradients are kept and whose weights stay."""

import pytest
import torch

from nucleizoo import Clock
from nucleizoo.ops.nn.joint_backward import all_gathered
from support.closed_form import fingerprint


def losses_and_gradients(method, batch):
    """All losses by name, and the gradient of every parameter by name at the time of its group's step."""
    names = {id(parameter): name for name, parameter in method.named_parameters()}
    groups, losses, gradients = method.groups(), {}, {}
    with all_gathered():
        for update in method.train_step(batch, Clock(0, 100)):
            losses |= {name: loss.item() for name, loss in update.losses.items()}
            wanted = list(groups[update.group].parameters if update.only is None else update.only)
            total = torch.stack(list(update.losses.values())).sum()
            torch.autograd.backward(total, inputs=wanted, retain_graph=update.keep_graph)
            if update.step:
                for parameter in groups[update.group].parameters:
                    gradients[names[id(parameter)]], parameter.grad = parameter.grad, None
    return losses, gradients


def check_gradients(gradients, published, modules):
    """Gradients by our names are the published ones, each relative to its root mean square.

    A bias before a norm has none, and what rounding leaves of it is no matter.

    Args:
        gradients: of every parameter.
        published: path of a network in the checkpoint -> beginning of the fingerprint by parameter.
        modules: of the importer.
    """
    wanted = {}
    for network, every in published.items():
        for name, numbers in every.items():
            module, _, kind = name.rpartition(".")
            wanted[f"{modules[f'{network}.{module}']}.{kind}"] = numbers
    assert gradients.keys() == wanted.keys()
    least = 1e-3 * max(size for size, _ in wanted.values())
    for name, numbers in wanted.items():
        made = fingerprint(gradients[name])[: len(numbers)]
        assert made == pytest.approx(numbers, rel=0, abs=1e-10 * max(numbers[0], least)), name
