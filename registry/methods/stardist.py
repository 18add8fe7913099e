"""StarDist, as its authors publish it: the program and its trained weights [1, 2, 3].

[1] Schmidt et al., Cell detection with star-convex polygons, 2018.
[2] Weigert et al., Star-convex polyhedra for 3D object detection and segmentation in microscopy, 2020.
[3] StarDist 0.9.2 and csbdeep 0.8.2 (BSD-3-Clause), read for how they are called and where weights are kept.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nucleizoo.contracts import LabelProgram, Task
from nucleizoo.core import programs
from nucleizoo.core.errors import MissingProgramError
from nucleizoo.kinds import METHODS

_LOW, _HIGH = 1, 99.8
"""Percentiles that become 0 and 1, as in the program's own examples."""


@METHODS.register("stardist")
class StarDist(LabelProgram):
    """The program StarDist with weights of its authors or your own; nothing is trained. It needs tensorflow.

    Weights are never downloaded: they are used where StarDist keeps them, or from the folder that is named.

    Args:
        model: the name of weights, such as '2D_versatile_fluo', or their folder, with config.json. '':
            2D_versatile_fluo for images, 3D_demo for volumes, which is only an example.
        prob_thresh: a nucleus is kept above this probability; 0: what the weights come with.
        nms_thresh: of two nuclei that overlap by more than this share the likelier is kept; 0: what the
            weights come with.

    Raises:
        ValueError: for a setting outside its range, or a target other than 'labels'.

    References: [1, 2, 3] of this module.
    """

    def __init__(
        self, task: Task, *, model: str = "", prob_thresh: float = 0.0, nms_thresh: float = 0.0
    ) -> None:
        super().__init__(task)
        if not (0 <= prob_thresh < 1 and 0 <= nms_thresh <= 1):
            raise ValueError(
                f"PROB_THRESH must be in [0, 1) and NMS_THRESH in [0, 1], got {prob_thresh} and {nms_thresh}"
            )
        self.model = model or ("3D_demo" if task.dims == 3 else "2D_versatile_fluo")
        self.thresholds = {"prob_thresh": prob_thresh or None, "nms_thresh": nms_thresh or None}

    def versions(self) -> dict[str, str]:
        """Of the packages, and the folder of weights with the begin of the SHA-256 of all in it."""
        self._class  # noqa: B018  (what is missing is told in the order in which it is needed)
        known, folder = hashlib.sha256(), self._folder
        for file in (folder / "config.json", *_weights_in(folder), folder / "thresholds.json"):
            known.update(file.read_bytes() if file.is_file() else b"")
        return {
            "stardist": programs.version("stardist"), "tensorflow": programs.version("tensorflow"),
            "weights": f"{folder.name} {known.hexdigest()[:16]}",
        }  # fmt: skip

    def labels(self, picture: NDArray[np.float32]) -> NDArray[np.int32]:
        """Picture (*S) in [0, 1] -> labels (*S)."""
        scaled = programs.module("csbdeep.utils", "csbdeep").normalize(picture, _LOW, _HIGH)
        axes = "ZYX"[-picture.ndim :]
        found: NDArray[np.int32] = self._model.predict_instances(
            scaled, axes=axes, show_tile_progress=False, **self.thresholds
        )[0]
        return found

    @cached_property
    def _class(self) -> Callable[..., Any]:
        made: Callable[..., Any] = getattr(
            programs.module("stardist.models", "stardist"), f"StarDist{self.task.dims}D"
        )
        return made

    @cached_property
    def _folder(self) -> Path:
        """The folder of the weights, which is there: asked for by name, StarDist would download it.

        Raises:
            MissingProgramError: when it is not.
        """
        named = Path(self.model)
        home = Path(os.environ.get("KERAS_HOME") or Path.home() / ".keras")
        kept = home / "models" / f"StarDist{self.task.dims}D" / self.model
        for folder in (named, kept, kept / named.name, kept / f"{named.name}_extracted"):
            if (folder / "config.json").is_file() and _weights_in(folder):
                return folder
        raise MissingProgramError(
            f"StarDist's weights '{self.model}' are not on this machine, and nucleizoo downloads nothing "
            f"unasked. Get python_{named.name}.zip from the releases of the project stardist-models (where "
            f"the licence is told) and unpack it, so that config.json is in {kept}, or name its folder with "
            "METHOD.MODEL"
        )

    @cached_property
    def _model(self) -> Any:
        return self._class(None, name=self._folder.name, basedir=str(self._folder.parent))


def _weights_in(folder: Path) -> list[Path]:
    return sorted(file for ending in ("*.h5", "*.hdf5") for file in folder.glob(ending))
