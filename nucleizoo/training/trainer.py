"""The training loop and the step: a method yields updates, the trainer applies them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from yacs.config import CfgNode

from nucleizoo import build
from nucleizoo.contracts import Clock, Hook, Method, Update
from nucleizoo.contracts.hook import Chosen
from nucleizoo.core.errors import DivergedError
from nucleizoo.ops.nn.device import autocast, pick_device, pick_precision
from nucleizoo.ops.nn.joint_backward import all_gathered
from nucleizoo.ops.nn.layout import to_channels_last
from nucleizoo.runs import weights_of
from nucleizoo.training.distributed.ranks import ALONE, Ranks
from nucleizoo.training.randomness import random_state, set_random_state
from nucleizoo.training.solver import Solver, check_groups, freeze
from nucleizoo.training.workers import workers_watched

log = logging.getLogger(__name__)


class Trainer:
    """Trains a method on a stream of batches.

    Hooks are called around the loop, in list order. To change the training, wrap the batches, write a
    hook or write a method; this class has no switches.

    Args:
        method: moved to the device of SYSTEM.DEVICE and to the channels-last layout.
        config: reads the sections SYSTEM (DEVICE, PRECISION) and SOLVER. What SOLVER.FREEZE names gets no
            update; a layer whose running statistics it names, as batch normalisation has them, uses those in
            training too, and keeps them.
        hooks: see `contracts.Hook`.
        ranks: the processes that train together; all start from the weights of the first.

    Attributes:
        iteration: steps done so far.
        losses: name -> scalar tensor of the latest step, on the device; the mean over ranks.
        scores: name -> number, the latest of validation, such as 'truth/dice'.
        scored_at: the iteration of these scores; -1 before the first.
        groups: of the method, without frozen parameters.
        idle: names of the groups that are wholly frozen.
        settled: layers with frozen running statistics.
        expected: names of the scores that the hooks will give, from the start of `train` on.
        average: running mean of the weights by name, {} where no hook keeps one.
        chosen: weights that a hook has chosen for prediction; None for the latest.
        batch: this rank's share of the latest batch, on the device.
        stop: set it to end the training after the current step.
    """

    def __init__(
        self, method: Method, config: CfgNode, hooks: Sequence[Hook] = (), ranks: Ranks = ALONE
    ) -> None:
        self.config, self.hooks, self.ranks = config, list(hooks), ranks
        self.device = ranks.place(pick_device(config.SYSTEM.DEVICE))
        self.precision = pick_precision(config.SYSTEM.PRECISION, self.device, method.task.dims)
        self.method = method.to(self.device)
        to_channels_last(self.method, method.task.dims)
        ranks.broadcast(weights_of(self.method))
        groups = method.groups()
        check_groups(method, groups)
        frozen = build.frozen(config, method)
        self.groups = freeze(method, frozen, groups)
        self.idle = groups.keys() - self.groups.keys()
        self.settled = [
            layer
            for prefix, layer in method.named_modules()
            if any(f"{prefix}.{name}".lstrip(".") in frozen for name, _ in layer.named_buffers(recurse=False))
        ]
        self.solver = Solver(config, self.groups)
        self.optimisers = self.solver.optimisers
        self.total: int = config.SOLVER.TOTAL
        self.iteration = 0
        self.losses: dict[str, Tensor] = {}
        self.scores: dict[str, float] = {}
        self.scored_at = -1
        self.expected = frozenset[str]()
        self.average: dict[str, Tensor] = {}
        self.chosen: Chosen | None = None
        self.batch: dict[str, Tensor] = {}
        self.stop = False

    @workers_watched()
    def train(self, batches: Iterable[dict[str, Tensor]]) -> None:
        """Train from the current iteration to the last; `batches` starts at the current iteration.

        Raises:
            DivergedError: when a loss is no longer finite.
            RankError: when another rank has failed.
            UserError: when a process that prepares batches was killed.
        """
        self.method.train()
        for layer in self.settled:
            layer.eval()
        try:
            self.expected = frozenset(name for hook in self.hooks for name in hook.gives(self))
            self._tell("before_training")
            for batch in batches:
                self.batch = {k: v.to(self.device, non_blocking=True) for k, v in batch.items()}
                self.losses = self.step(self.batch)
                self.iteration += 1
                self._tell("after_step")
                if self.ranks.any(self.stop):  # a signal may have reached only one rank
                    self.stop = True
                    break
            self._tell("after_training")
        finally:
            for hook in self.hooks:
                hook.close()

    def step(self, batch: dict[str, Tensor]) -> dict[str, Tensor]:
        """One iteration: apply the method's updates in order; returns every loss by name."""
        clock = Clock(self.iteration, self.total)
        self.solver.set_rates(clock)
        updates, losses = self.method.train_step(batch, clock), dict[str, Tensor]()
        with all_gathered():
            while (update := self._ask(updates)) is not None:
                twice = losses.keys() & update.losses.keys()
                assert not twice, f"two updates of one step have a loss called {', '.join(map(repr, twice))}"
                losses |= self._apply(update)
        losses = self.ranks.mean(losses)
        if losses and not torch.isfinite(torch.stack(list(losses.values()))).all():
            self._diverged(losses)
        return losses

    @property
    def is_first(self) -> bool:
        """Whether this is the rank that writes and reports."""
        return self.ranks.is_first

    @property
    def processes(self) -> int:
        """Total number of ranks."""
        return self.ranks.count

    def scored(self, group: str, scores: dict[str, float]) -> None:
        """Keep the validation scores of this iteration, for hooks that come later."""
        if self.scored_at != self.iteration:
            self.scores, self.scored_at = {}, self.iteration
        self.scores |= {f"{group}/{name}": value for name, value in scores.items()}

    def _ask(self, updates: Iterator[Update]) -> Update | None:
        """The next update; the method's forward passes run in here."""
        with autocast(self.device, self.precision):
            return next(updates, None)

    def _apply(self, update: Update) -> dict[str, Tensor]:
        """Compute the gradients that an update asks for, and step unless it only accumulates them."""
        assert torch.is_grad_enabled(), "train_step yielded inside 'with no_grad()'"
        losses = {name: loss.detach() for name, loss in update.losses.items()}
        if update.group in self.idle:
            return losses
        optimiser = self.optimisers[update.group]
        total = torch.stack(list(update.losses.values())).sum()
        asked = update.only if update.only is not None else self.groups[update.group].parameters
        if wanted := [parameter for parameter in asked if parameter.requires_grad]:
            torch.autograd.backward(total, inputs=wanted, retain_graph=update.keep_graph)
        if update.step:
            self.ranks.average(self.groups[update.group].parameters)
            optimiser.step()
            optimiser.zero_grad(set_to_none=True)
        return losses

    def _diverged(self, losses: dict[str, Tensor]) -> None:
        bad = [f"'{name}' is {float(loss)}" for name, loss in losses.items() if not torch.isfinite(loss)]
        raise DivergedError(
            f"training stopped at iteration {self.iteration + 1}: the loss {' and '.join(bad)}, which is "
            "not finite. The last good checkpoint is kept. Train again into another --out with a lower "
            "SOLVER.LR, or with SYSTEM.PRECISION fp32"
        )

    def _tell(self, event: str) -> None:
        for hook in self.hooks:
            getattr(hook, event)(self)

    def state_dict(self) -> dict[str, Any]:
        """Everything that bit-exact resuming needs, as tensors and plain Python values.

        All ranks must call it together. Only that of the first is complete: besides its own state it holds
        what differs on the other ranks.
        """
        others = self.ranks.gathered(self._own())[1:]
        return {
            "iteration": self.iteration,
            "arithmetic": self._arithmetic(),
            "method": self.method.state_dict(),
            "optimisers": {name: one.state_dict() for name, one in self.optimisers.items()},
            "random": random_state(self.device),
            "hooks": {type(hook).__name__: hook.state_dict() for hook in self.hooks},
        } | ({"others": others} if others else {})

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore a `state_dict` of the same configuration.

        Warns when torch version, device, precision, threads or number of ranks differ: training then
        continues, but not bit for bit as if it had never stopped. New ranks begin with empty pools and
        random numbers of their own.
        """
        here, there = self._arithmetic(), {"ranks": "1"} | state["arithmetic"]
        if here != there:
            changed = ", ".join(
                f"{k} {there.get(k)} is now {v}" for k, v in here.items() if v != there.get(k)
            )
            log.warning("resuming, but not bit for bit as without the interruption: %s", changed)
        self.iteration = state["iteration"]
        all_own = [state, *state.get("others", [])]
        number = self.ranks.number
        own = all_own[number] if number < len(all_own) else self._own()
        self.method.load_state_dict(state["method"] | own["method"])
        for name, one in self.optimisers.items():
            one.load_state_dict(state["optimisers"][name])
        set_random_state(own["random"], self.device)
        for hook in self.hooks:
            hook.load_state_dict(state["hooks"].get(type(hook).__name__, {}))

    def _own(self) -> dict[str, Any]:
        """What differs between ranks: random numbers, pools, and whatever else is not a parameter."""
        shared = {name for name, _ in self.method.named_parameters(remove_duplicate=False)}
        state = self.method.state_dict()
        return {
            "random": random_state(self.device),
            "method": {name: value for name, value in state.items() if name not in shared},
        }

    def _arithmetic(self) -> dict[str, str]:
        """What affects the last digits of results, besides the configuration."""
        return {
            "torch": str(torch.__version__),
            "device": self.device.type,
            "precision": str(self.precision).removeprefix("torch."),
            "threads": str(torch.get_num_threads()),
            "ranks": str(self.ranks.count),
        }
