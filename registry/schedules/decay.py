"""Constant, linear, cosine, polynomial and stepwise learning-rate schedules."""

from __future__ import annotations

import math
from typing import Any

from nucleizoo.contracts import Clock
from nucleizoo.kinds import SCHEDULES


@SCHEDULES.register("constant")
class Constant:
    """The learning rate is constant."""

    def __call__(self, clock: Clock) -> float:
        """1 at any time."""
        return 1.0


@SCHEDULES.register("linear")
class Linear:
    """The learning rate is constant at first, then falls linearly to 0 at the end of the training.

    Args:
        hold: share of the training before the rate begins to fall (CycleGAN and AD-GAN: 0.5).

    Raises:
        ValueError: for a share outside [0, 1].
    """

    def __init__(self, *, hold: float = 0.5) -> None:
        if not 0 <= hold <= 1:
            raise ValueError(f"HOLD must be a share in [0, 1], got {hold}")
        self.hold = hold

    def __call__(self, clock: Clock) -> float:
        """Factor in [0, 1]; 0 beyond the end, which a group of a faster pace reaches."""
        return max(self.left(clock), 0.0)

    def left(self, clock: Clock) -> float:
        """Remaining share of the time in which the rate falls; 1 before it, negative beyond the end."""
        return min(1.0, (1.0 - clock.progress) / max(1.0 - self.hold, 1e-9))


@SCHEDULES.register("cosine")
class Cosine(Linear):
    """The learning rate is constant at first, then falls as half a cosine to 0 at the end of the training.

    Args:
        settings: of `linear` (CySGAN: hold 0).
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__(**settings)

    def __call__(self, clock: Clock) -> float:
        """Factor in [0, 1]; beyond the end, which a group of a faster pace reaches, it rises again."""
        return 0.5 - 0.5 * math.cos(math.pi * self.left(clock))


@SCHEDULES.register("poly")
class Poly:
    """The learning rate falls as a power of the remaining share of the training.

    Args:
        power: above 0; 1 is a straight line (TransUNet: 0.9).

    Raises:
        ValueError: for a power of 0 or below.
    """

    def __init__(self, *, power: float = 0.9) -> None:
        if power <= 0:
            raise ValueError(f"POWER must be above 0, got {power}")
        self.power = power

    def __call__(self, clock: Clock) -> float:
        """Factor in [0, 1]; 0 beyond the end, which a group of a faster pace reaches."""
        return float(max(1.0 - clock.progress, 0.0) ** self.power)


@SCHEDULES.register("step")
class Step:
    """The learning rate is multiplied by a factor every so often.

    Args:
        every: share of the training between two drops, above 0 (MUNIT: 0.1, which is 100,000 steps).
        factor: of a drop, above 0 (MUNIT: 0.5).

    Raises:
        ValueError: for a value out of range.
    """

    def __init__(self, *, every: float = 0.1, factor: float = 0.5) -> None:
        if every <= 0 or factor <= 0:
            raise ValueError(f"EVERY and FACTOR must be above 0, got {every} and {factor}")
        self.every, self.factor = every, factor

    def __call__(self, clock: Clock) -> float:
        """Factor above 0."""
        # a drop is due at the step itself, whatever its share is rounded to
        return float(self.factor ** int(clock.progress / self.every + 1e-9))
