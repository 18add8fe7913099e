"""How much memory it takes to read a volume, beside what is made of it."""

from __future__ import annotations

from dataclasses import dataclass

from nucleizoo.io import LazyVolume
from nucleizoo.preprocess import Values


@dataclass(frozen=True)
class Reading:
    """Bytes that reading takes at most.

    Attributes:
        chunk: while a chunk is decoded.
        first: while all is gone through for the range of intensities, this included.
        name: of the file.
        what: is read together, and takes so much, in words.
        mend: what makes it less, in words.
    """

    chunk: float = 0.0
    first: float = 0.0
    name: str = ""
    what: str = ""
    mend: str = ""

    @classmethod
    def of(cls, volume: LazyVolume, values: Values, *, planes: bool) -> Reading:
        """What a volume takes.

        Args:
            volume: open.
            values: of it.
            planes: whether the range of every plane is wanted.
        """
        chunk, part = volume.decoding, values.at_once(planes=planes)
        what = f"its chunks of {'x'.join(map(str, volume.chunks))}"
        mend = "store it in smaller ones"
        if planes and part > chunk:
            what = f"its planes of {'x'.join(map(str, values.shape[-2:]))}, which are scaled one by one,"
            mend = "set SCALING.OVER to volume"
        return cls(chunk, chunk + part, volume.name, what, mend)


NOTHING = Reading()
"""Of what lies in memory."""
