"""The segmenter for each of many files: that of a run, or of the model that suits the file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from nucleizoo import io, models
from nucleizoo.core.errors import ImageReadError, UserError
from nucleizoo.inference.segmenter import Segmenter
from nucleizoo.runs import Run

_DATASET = "DATASET.IMAGE.DATASET"


class Segmenters:
    """Opens and checks each run or model once.

    Args:
        run: the folder of a training; None takes a model.
        model: name of a model, or of a family with one for images and one for volumes.
        plugins: plugin files that they need.
        overrides: KEY VALUE pairs.

    Raises:
        UserError: for a run or model that cannot be used.
    """

    def __init__(
        self, run: str | Path | None, model: str, plugins: Sequence[str], overrides: Sequence[str]
    ) -> None:
        self.run, self.model = None if run is None else Path(run), model
        self.plugins, self.overrides = tuple(plugins), tuple(overrides)
        self.dataset = dict(zip(overrides[::2], overrides[1::2], strict=False)).get(_DATASET, "")
        self.opened, self.models = dict[Path, Segmenter](), dict[int, Path]()
        if self.run is not None:
            segmenter = self._open(self.run)
            if "INFERENCE.DIAMETER" in self.overrides and not segmenter.config.INFERENCE.NOMINAL_DIAMETER:
                raise UserError(
                    f"{run}: --diameter is for models of INFERENCE.NOMINAL_DIAMETER above 0; this run was "
                    "trained for images of one size: set DATASET.IMAGE.ZOOM, or omit --run"
                )
        else:
            models.suited(model, 2)

    def of(self, path: Path) -> tuple[Path, Segmenter]:
        """The folder of the run or model for a file, and its segmenter.

        Raises:
            ImageReadError: for a file that cannot be used, or that no model suits.
            UserError: for a model that cannot be used.
        """
        folder = self.run or self._model(path)
        return folder, self._open(folder)

    def _model(self, path: Path) -> Path:
        dims = io.dims_of(path, dataset=self.dataset)
        if dims not in self.models:
            try:
                name = models.suited(self.model, dims)
            except UserError as error:
                raise ImageReadError(f"{path}: {error}") from error
            self.models[dims] = models.named(name)
        return self.models[dims]

    def _open(self, folder: Path) -> Segmenter:
        if folder not in self.opened:
            self.opened[folder] = Segmenter.open(Run.open(folder, self.plugins, self.overrides))
        return self.opened[folder]
