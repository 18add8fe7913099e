"""Volumes of any size that are read part by part, and their damaged chunks."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo.core.errors import ImageReadError, UserError
from nucleizoo.core.format import plural
from nucleizoo.io.chunks import Cut, Load, cut_apart, seen_from
from nucleizoo.io.decoder_errors import check_damage


@dataclass(eq=False)
class LazyVolume:
    """One array in a file or folder.

    Attributes:
        name: of the file, and of the array in it; for messages.
        axes: one letter per axis, as stored; S are colours.
        shape: as stored.
        dtype: of the values.
        spacing: voxel size in micrometres of Z (where there is one), Y and X; () if unknown.
        chunks: what is decoded together, voxels per axis.
        load: reads a part, in the axes as stored.
        absent: how many chunks are missing, and their positions; `load` gives the fill value for them.
        shards: what is stored together, several chunks that exist or are missing together; () where
            every chunk is stored by itself.
        decoding: bytes that decoding a chunk takes at most, as stored and after every filter; 0 where
            values are read directly.
        close: closes the file; nothing can be read after it.
        skip_damaged: whether parts that cannot be read become 0 instead of an error.
        skipped: the chunks that were not read, in words.
        lost: a flag per shard, or chunk where there are none: whether it is missing, and treated as
            black whatever the fill value; None where nothing is missing.
    """

    name: str
    axes: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    spacing: tuple[float, ...]
    chunks: tuple[int, ...]
    load: Load
    absent: Callable[[], tuple[int, Iterable[tuple[int, ...]]]] = lambda: (0, ())
    shards: tuple[int, ...] = ()
    decoding: int = 0
    close: Callable[[], None] = lambda: None
    skip_damaged: bool = False
    skipped: list[str] = field(default_factory=list)
    lost: NDArray[np.bool_] | None = None

    @property
    def space(self) -> str:
        """The axes of a picture in space: Y and X, and Z or, without it, the stacked axis."""
        stacked = [a for a, n in zip(self.axes, self.shape, strict=True) if a not in "ZYXCS" and n > 1]
        depth = "Z" if "Z" in self.axes else "".join(stacked[:1])
        return f"{depth}YX"

    @property
    def stacks(self) -> dict[str, int]:
        """Axes longer than 1 besides those of `space` and the channels, and their lengths."""
        lengths = zip(self.axes, self.shape, strict=True)
        return {axis: n for axis, n in lengths if axis not in f"{self.space}CS" and n > 1}

    @property
    def channels(self) -> int:
        """The number of channels or colours."""
        lengths = zip(self.axes, self.shape, strict=True)
        return next((length for axis, length in lengths if axis in "CS"), 1)

    @property
    def stored(self) -> tuple[int, ...]:
        """What exists or is missing as a unit: a shard, or a chunk where there are none; voxels per axis."""
        return self.shards or self.chunks

    def check(self) -> None:
        """Refuse an array with missing chunks, unless damage is skipped; then they are black.

        Raises:
            ImageReadError: naming them.
        """
        count, places = self.absent()
        if count and not self.skip_damaged:
            words = (self._words(place, self.stored) for place in places)
            raise ImageReadError(
                f"{self.name}: lacks {plural(count, self._noun)} ({'; '.join(itertools.islice(words, 3))}"
                f"{'; ...' * (count > 3)}) of {math.prod(self._counts)}; copy it again. If what is missing "
                "was left out because it is empty, set the key EMPTY_CHUNKS (in prediction "
                "DATASET.IMAGE.EMPTY_CHUNKS true, in evaluate --empty-chunks); to treat it as black in "
                "prediction, add --skip-damaged"
            )
        if count:
            lost = np.zeros(self._counts, bool)
            for place in places:
                lost[place] = True
            self.lose(lost)

    def lose(self, lost: NDArray[np.bool_]) -> None:
        """Treat further chunks as black.

        Args:
            lost: see the attribute.

        Raises:
            ImageReadError: when it does not fit this array.
        """
        if lost.shape != self._counts:
            raise ImageReadError(f"{self.name}: has changed since the start; start again")
        new = lost if self.lost is None else lost & ~self.lost
        self.lost = lost if self.lost is None else lost | self.lost
        self.skipped += [self._words(tuple(place), self.stored) for place in np.argwhere(new).tolist()]

    @property
    def _noun(self) -> str:
        """What is stored together, in words: a plane where a shard holds all of its height and width."""
        lengths = zip(self.axes, self.shards, self.shape, strict=False)
        return "plane" if self.shards and all(n >= m for a, n, m in lengths if a in "YX") else "chunk"

    @property
    def _counts(self) -> tuple[int, ...]:
        """The number of shards, or chunks where there are none, along every axis."""
        return tuple(-(-n // c) for n, c in zip(self.shape, self.stored, strict=True))

    def read(self, box: Cut, at: Sequence[int] = (), channel: int | None = None) -> NDArray[Any]:
        """A part as (channels, *size).

        Args:
            box: along the axes `space`.
            at: an index on every axis of `stacks`; the first one by default.
            channel: the only one to read; None reads all.

        Raises:
            ImageReadError: when a chunk cannot be read; names it.
            OSError: for errors other than damage, also MemoryError and ImportError; see `check_damage`.
        """
        stacks = self.stacks
        places = dict(zip(self.space, box, strict=True))
        places |= {axis: slice(i, i + 1) for axis, i in zip(stacks, at or [0] * len(stacks), strict=True)}
        if channel is not None:
            places |= dict.fromkeys("CS", slice(channel, channel + 1))
        cut = tuple(places.get(axis, slice(0, n)) for axis, n in zip(self.axes, self.shape, strict=True))
        data = self._loaded(cut)
        order = [self.axes.index(a) for a in f"CS{self.space}" if a in self.axes]
        rest = tuple(i for i in range(len(self.axes)) if i not in order)
        data = data.transpose(*rest, *order)[(0,) * len(rest)]
        if "C" not in self.axes and "S" not in self.axes:
            data = data[None]
        return np.asarray(data, self.dtype.newbyteorder("="))

    def whole(self) -> NDArray[Any]:
        """All of it, in the axes as stored.

        Raises:
            ImageReadError: when a chunk cannot be read; names it.
            OSError: for errors other than damage, also MemoryError and ImportError; see `check_damage`.
        """
        return self._loaded(tuple(slice(0, n) for n in self.shape))

    def _loaded(self, cut: Cut) -> NDArray[Any]:
        try:
            data = self.load(cut)
        except Exception as error:  # decoders raise anything; the chunk is found one by one
            check_damage(error, self.name)
            data = self._salvaged(cut)
        return self._blackened(data, cut)

    def _blackened(self, data: NDArray[Any], cut: Cut) -> NDArray[Any]:
        """A part with 0 where chunks are missing."""
        if self.lost is None:
            return data
        first = [c.start // n for c, n in zip(cut, self.stored, strict=True)]
        ends = [-(-c.stop // n) for c, n in zip(cut, self.stored, strict=True)]
        for place in np.argwhere(self.lost[tuple(map(slice, first, ends))]) + first:
            spans = zip(place, self.stored, cut, strict=True)
            data[tuple(slice(max(i * n - c.start, 0), (i + 1) * n - c.start) for i, n, c in spans)] = 0
        return data

    def _salvaged(self, cut: Cut) -> NDArray[Any]:
        """What can be read of a part, the rest 0."""
        data = np.zeros([c.stop - c.start for c in cut], self.dtype)
        for chunk in cut_apart(cut, self.chunks):
            try:
                part = self.load(chunk)
            except Exception as error:
                check_damage(error, self.name)
                place = tuple(c.start // n for c, n in zip(chunk, self.chunks, strict=True))
                words = self._words(place, self.chunks)
                if not self.skip_damaged:
                    why = f"({type(error).__name__}: {error}); copy the file again"
                    if isinstance(error, UserError):
                        why = f"({error})"
                    raise ImageReadError(
                        f"{self.name}: {words} cannot be read {why}; to treat it as black in prediction, add "
                        "--skip-damaged"
                    ) from error
                if words not in self.skipped:
                    self.skipped.append(words)
            else:
                data[seen_from(cut, chunk)] = part
        return data

    def _words(self, place: tuple[int, ...], lengths: tuple[int, ...]) -> str:
        ends = [min((i + 1) * n, size) for i, n, size in zip(place, lengths, self.shape, strict=True)]
        ranges = [f"{i * n}:{end}" for i, n, end in zip(place, lengths, ends, strict=True)]
        kind = "chunk" if lengths != self.shards else "plane" if self._noun == "plane" else "shard"
        return f"{kind} {'.'.join(map(str, place))} ({self.axes.lower()} {', '.join(ranges)})"
