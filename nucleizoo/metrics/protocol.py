"""Protocols: how a paper or challenge scores labels; each is a file in `protocols`."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo.core import text
from nucleizoo.core.errors import ConfigError, ImageReadError, UserError
from nucleizoo.io import Pair
from nucleizoo.ops.image.resize import nearest

PROTOCOLS = Path(__file__).with_name("protocols")

RANKS = {
    "f1_per_image": "F1 of nuclei, mean over images",
    "dice": "Dice, mean over images",
    "ap50_per_image": "AP-50 with nuclei ranked by size, mean over images",
    "op_csb": "OP, the mean of SEG and DET, over the nuclei of all images",
}
"""The scores by which models may be ranked."""


@dataclass(frozen=True)
class Resolution:
    """The voxels on which labels are scored; those of the files by default.

    Attributes:
        zoom: factors on the number of voxels of a file, in axis order.
        spacing: or edges of the voxels in micrometres, in axis order.
    """

    zoom: tuple[float, ...] = ()
    spacing: tuple[float, ...] = ()

    def __call__(
        self, labels: NDArray[np.int32], spacing: tuple[float, ...], path: Path
    ) -> NDArray[np.int32]:
        """Resample labels (*S), the nearest voxel each; a plane of volumes by its last axes.

        Args:
            labels: as in the file.
            spacing: edges of its voxels in micrometres; () when unknown.
            path: of the file, for messages.

        Raises:
            ImageReadError: when the voxel size is needed and unknown.
        """
        if not self.zoom and not self.spacing:
            return labels
        factors = self.zoom
        if self.spacing:
            if not spacing:
                raise ImageReadError(
                    f"{path}: does not say its voxel size, which scoring at {_by(self.spacing)} um needs; "
                    "write the labels with nucleizoo data arrange"
                )
            pairs = zip(reversed(spacing), reversed(self.spacing), strict=False)
            factors = tuple(own / wanted for own, wanted in pairs)[::-1]
        factors = factors[-labels.ndim :]
        shape = tuple(max(1, round(n * f)) for n, f in zip(labels.shape, factors, strict=True))
        return nearest(labels, shape)

    def __str__(self) -> str:
        if self.zoom:
            return f"label files x {_by(self.zoom)}"
        return f"{_by(self.spacing)} um" if self.spacing else "the label files as they are"


@dataclass(frozen=True)
class Protocol:
    """One way to score.

    Attributes:
        name: of its file.
        dataset: the set that it is for; '' for any.
        split: 'train' or 'test', the only items that are scored; '' for all.
        zoom, spacing: see `Resolution`.
        border: pixels within which SEG and DET ignore nuclei; None is that of the data set.
        markers: whether DET needs markers.
        rank_by: a key of `RANKS`.
    """

    name: str = ""
    dataset: str = ""
    split: str = ""
    zoom: tuple[float, ...] = ()
    spacing: tuple[float, ...] = ()
    border: int | None = None
    markers: bool = False
    rank_by: str = "f1_per_image"

    @property
    def resolution(self) -> Resolution:
        """The voxels on which labels are scored."""
        return Resolution(self.zoom, self.spacing)


@dataclass(frozen=True)
class Scoring:
    """A protocol as it is applied to a folder.

    Attributes:
        protocol: which.
        dataset: the set; '' if it has no name.
        border: pixels.
        markers: folder of markers; None for whole nuclei.
        only: names of the items that are scored; None for all.
        doubts: what could not be applied, in words.
    """

    protocol: Protocol
    dataset: str
    border: int
    markers: Path | None
    only: Collection[str] | None = None
    doubts: tuple[str, ...] = ()

    def holds(self, name: str) -> bool:
        """Whether an item, or plane `a_z003` of the item `a`, is scored."""
        return self.only is None or name in self.only or name.rpartition("_z")[0] in self.only

    def chosen(self, pairs: Sequence[Pair]) -> list[Pair]:
        """Those that are scored.

        Raises:
            UserError: when there is none.
        """
        chosen = [pair for pair in pairs if self.holds(pair.name)]
        if not chosen:
            raise UserError(
                f"none of the {len(pairs)} annotated images is of the split {self.protocol.split}, which "
                f"alone the protocol {self.protocol.name} scores"
            )
        return chosen

    def __str__(self) -> str:
        """What is applied, in words."""
        told, markers = self.protocol, "the markers" if self.markers else "whole nuclei"
        split = f"{told.split} alone" if told.split and self.only is not None else "all images"
        of = f" on {self.dataset}" if self.dataset else ""
        return "; ".join((
            f"Protocol {told.name}{of}: {split}", f"resolution: {told.resolution}",
            f"SEG and DET ignore nuclei within {self.border} pixels of the edge", f"DET uses {markers}",
            f"models are ranked by {RANKS[told.rank_by]}", *self.doubts,
        ))  # fmt: skip


PLAIN = Scoring(Protocol(), "", 0, None)
"""Scoring without a protocol."""


def named(name: str) -> Protocol:
    """A protocol by its name, or the path of a file like those in `protocols`.

    Raises:
        ConfigError: for an unknown name, with the nearest; or a file that is none.
    """
    files = {file.stem: file for file in sorted(PROTOCOLS.glob("*.yaml"))}
    path = files.get(name.lower(), Path(name))
    if path.suffix not in text.SUFFIXES:
        near = difflib.get_close_matches(name.lower(), files, n=1, cutoff=0.5)
        hint = f"did you mean {near[0]}? " if near else ""
        raise ConfigError(
            f"no protocol is called '{name}'; {hint}known protocols: {', '.join(files)}, or a .yaml file"
        )
    return _checked(path, text.read(path))


def _checked(path: Path, tree: dict[str, Any]) -> Protocol:
    keys = {key.upper(): key for key in Protocol.__dataclass_fields__ if key != "name"}
    if strange := [key for key in tree if key not in keys]:
        raise ConfigError(f"{path}: {strange[0]} is no key of a protocol; these are {', '.join(keys)}")
    told: dict[str, Any] = {
        keys[key]: tuple(value) if isinstance(value, list) else value for key, value in tree.items()
    }
    made = Protocol(path.stem, **told)
    sizes = (*made.zoom, *made.spacing)
    wrong = {
        "ZOOM or SPACING": (made.zoom and made.spacing) or not all(0 < size for size in sizes),
        "SPLIT": made.split not in ("", "train", "test"),
        "BORDER": made.border is not None and (not isinstance(made.border, int) or made.border < 0),
        "MARKERS": not isinstance(made.markers, bool),
        "RANK_BY": made.rank_by not in RANKS,
    }
    if bad := [key for key, is_wrong in wrong.items() if is_wrong]:
        raise ConfigError(
            f"{path}: {bad[0]} has no value that a protocol can have: one of ZOOM and SPACING, above 0; "
            f"SPLIT train or test; BORDER 0 or more pixels; MARKERS true or false; RANK_BY "
            f"{', '.join(RANKS)}"
        )
    return made


def _by(sizes: tuple[float, ...]) -> str:
    return " x ".join(f"{size:g}" for size in sizes)
