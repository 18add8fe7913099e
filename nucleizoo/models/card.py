"""The card of a model: where it comes from, what it may be used for, and how good it is."""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import yaml

from nucleizoo.core.errors import UserError

FILE = "card.yaml"
WEIGHTS = "weights.safetensors"


@dataclass(frozen=True)
class Card:
    """What is known of a model.

    Attributes:
        name: of the model and its folder.
        about: one sentence.
        dims: 2 for images, 3 for volumes.
        command: that trained it.
        commit: of nucleizoo, when the training began.
        date: when it began.
        steps, hours, hardware: of the training.
        licence: of the weights.
        sha256: of the weights.
        scores: data set -> score by name.
    """

    name: str
    about: str
    dims: int
    command: str
    commit: str
    date: str
    steps: int
    hours: float
    hardware: str
    licence: str
    sha256: str
    scores: dict[str, dict[str, float]]

    @classmethod
    def read(cls, folder: Path) -> Card:
        """The card in a model's folder.

        Raises:
            UserError: when there is none, or not one of this version.
        """
        file = folder / FILE
        try:
            values: dict[str, Any] = yaml.safe_load(file.read_text(encoding="utf-8"))
            return cls(**values)
        except (OSError, TypeError, yaml.YAMLError) as error:
            raise UserError(
                f"{file}: is missing, damaged or of another version of nucleizoo; install nucleizoo again"
            ) from error

    def write(self, folder: Path) -> None:
        """Write it into a model's folder."""
        text = yaml.safe_dump(asdict(self), sort_keys=False, width=110)
        (folder / FILE).write_text(text, encoding="utf-8")

    def check(self, folder: Path) -> None:
        """Refuse weights that are not those of the card.

        Raises:
            UserError: naming the file.
        """
        file = folder / WEIGHTS
        if not file.is_file() or digest(file) != self.sha256:
            raise UserError(f"{file}: is damaged: its SHA-256 is not that of {FILE}; install nucleizoo again")


def digest(file: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    return hashlib.sha256(file.read_bytes()).hexdigest()
