"""Values that are no numbers, told by where they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo.core.errors import ImageReadError


def check_finite(data: NDArray[Any], axes: str, name: str, start: Sequence[int] = ()) -> None:
    """Refuse NaN and infinite values.

    Args:
        data: of a file, channels first.
        axes: letters of the others.
        name: the file, for messages.
        start: where they begin in the file; () if it is all of it.

    Raises:
        ImageReadError: when there is one, with its place.
    """
    if data.dtype.kind != "f" or (finite := np.isfinite(data)).all():
        return
    place = np.unravel_index(int(finite.argmin()), data.shape)[1:]
    places = zip(axes.lower(), place, start or (0,) * len(place), strict=True)
    where = ", ".join(f"{axis} {first + index}" for axis, index, first in places)
    raise ImageReadError(
        f"{name}: holds NaN or infinite values, as at {where} (counted from 0); repair or remove it"
    )
