"""Cellpose, as its authors publish it: the program and its trained weights [1, 2, 3].

[1] Stringer et al., Cellpose: a generalist algorithm for cellular segmentation, 2021.
[2] Stringer and Pachitariu, Cellpose3: one-click image restoration for improved cellular segmentation, 2025:
    the weights `cyto3` of version 3. Pachitariu et al., Cellpose-SAM: superhuman generalization for cellular
    segmentation, 2025: `cpsam` of version 4.
[3] Cellpose 3.1.1.2 and 4.2.1.1 (BSD-3-Clause), read for how they are called and where weights are kept.
"""

from __future__ import annotations

import hashlib
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo.contracts import LabelProgram, Task
from nucleizoo.core import programs
from nucleizoo.core.errors import MissingProgramError
from nucleizoo.kinds import METHODS

_FIRST = ("cyto", "cyto2", "nuclei")
"""Weights of version 3 whose files have a longer name."""


@METHODS.register("cellpose")
class Cellpose(LabelProgram):
    """The program Cellpose, of version 3 or 4, with weights of its authors or your own; nothing is trained.

    It scales intensities by itself. Weights are never downloaded: they are used where Cellpose keeps them, or
    from the file that is named.

    Args:
        model: the name of its weights, such as 'nuclei', 'cyto3' or 'cpsam', or a file. '': 'nuclei' in
            version 3; in version 4, which has no model of nuclei, the first that the installed one names.
        diameter: of the nuclei, in pixels that it sees; 0 leaves it to the program: the diameter of its
            training in version 3, any in version 4.
        flow_threshold: masks whose flow differs more than this from that of their shape are dropped;
            Cellpose: 0.4. Not used in 3D.
        cellprob_threshold: a pixel is nucleus above this logit; Cellpose: 0.
        min_size: smaller nuclei are dropped, in pixels that it sees; Cellpose: 15.
        anisotropy: in 3D, how many times as high as wide a voxel is; 1 for volumes that DATASET.SPACING has
            made cubic. Flows are computed in planes along all three axes.

    Raises:
        ValueError: for a setting outside its range, or a target other than 'labels'.

    Differs: [1] estimates the diameter in every image, by a second model that version 4 no longer has; here
        `diameter` says it.

    References: [1, 2, 3] of this module.
    """

    def __init__(
        self,
        task: Task,
        *,
        model: str = "",
        diameter: float = 0.0,
        flow_threshold: float = 0.4,
        cellprob_threshold: float = 0.0,
        min_size: int = 15,
        anisotropy: float = 1.0,
    ) -> None:
        super().__init__(task)
        if diameter < 0 or flow_threshold < 0 or min_size < 0 or anisotropy <= 0:
            raise ValueError(
                "DIAMETER, FLOW_THRESHOLD and MIN_SIZE must be 0 or more, and ANISOTROPY above 0, got "
                f"{diameter}, {flow_threshold}, {min_size} and {anisotropy}"
            )
        self.model = model
        self.settings: dict[str, Any] = {
            "diameter": diameter or None, "flow_threshold": flow_threshold,
            "cellprob_threshold": cellprob_threshold, "min_size": min_size,
        }  # fmt: skip
        if task.dims == 3:
            self.settings |= {"do_3D": True, "z_axis": 0, "anisotropy": anisotropy}

    def versions(self) -> dict[str, str]:
        """Of the package, and the file of weights with the begin of its SHA-256."""
        name, file = self._weights
        with file.open("rb") as opened:
            begin = hashlib.file_digest(opened, "sha256").hexdigest()[:16]
        return {"cellpose": programs.version("cellpose"), "weights": f"{name} {begin}"}

    def labels(self, picture: NDArray[np.float32]) -> NDArray[np.int32]:
        """Picture (*S) in [0, 1] -> labels (*S)."""
        channels = {"channels": [0, 0]} if self._is_three else {}
        found: NDArray[np.int32] = self._model.eval(picture, **channels, **self.settings)[0]
        return found

    @cached_property
    def _models(self) -> Any:
        return programs.module("cellpose.models", "cellpose")

    @property
    def _is_three(self) -> bool:
        return not programs.version("cellpose").startswith("4")

    @cached_property
    def _weights(self) -> tuple[str, Path]:
        """The name of the weights and their file, which is there: without one, Cellpose would download it.

        Raises:
            MissingProgramError: when it is not.
        """
        models = self._models
        name = self.model or ("nuclei" if self._is_three else models.MODEL_NAMES[0])
        if (file := Path(name)).is_file():
            return file.name, file
        if name not in models.MODEL_NAMES:
            raise MissingProgramError(
                f"METHOD.MODEL '{name}' is neither a file nor weights of the installed Cellpose "
                f"{programs.version('cellpose')}, which has {', '.join(models.MODEL_NAMES)}"
            )
        file = Path(models.MODEL_DIR) / (f"{name}torch_0" if self._is_three and name in _FIRST else name)
        if not file.is_file():
            raise MissingProgramError(
                f"Cellpose's weights '{name}' are not on this machine, and nucleizoo downloads nothing "
                f"unasked. Get the file {file.name} from the Cellpose project (it says: trained on data "
                f"under CC-BY-NC) and put it at {file}, or name a file with METHOD.MODEL"
            )
        return name, file

    @cached_property
    def _model(self) -> Any:
        name, file = self._weights
        if self._is_three and name in self._models.MODEL_NAMES:
            which: dict[str, Any] = {"model_type": name}  # it knows the diameter of their training
        else:
            which = {"pretrained_model": str(file)}
        return self._models.CellposeModel(device=self.device, **which)
