"""nnU-Net, trained and applied by its own commands [1, 2].

[1] Isensee et al., nnU-Net: a self-configuring method for deep learning-based biomedical image segmentation,
    2021.
[2] nnunetv2 2.8.1 (Apache-2.0), read for its commands, their options, and the files that they read and write.
"""

from __future__ import annotations

import io
import json
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import tifffile
import torch
from numpy.typing import NDArray
from torch import Tensor

from nucleizoo.contracts import Clock, Program, Task, Update
from nucleizoo.core import programs
from nucleizoo.core.errors import MissingProgramError, ProgramError
from nucleizoo.kinds import METHODS

_CLASSES = {
    ("mask",): ("background", "nucleus"),
    ("ternary",): ("background", "rim", "core"),
}
"""Of the maps of a target, in the order of their values, which are evenly spaced from 0 to 1."""

_NUMBER, _DATASET = "1", "Dataset001_nuclei"

_KEPT = ("plans.json", "dataset.json")
"""What a trained model is, besides its checkpoint."""

_FOLD = "all"
"""Of the pictures, that it learns from: nnU-Net's name for no cross-validation."""


@METHODS.register("nnunet")
class NNUNet(Program):
    """The commands of nnU-Net: plan_and_preprocess, train, and predict; its model is kept with the run.

    It learns from the labelled source, in one step, from one batch: SOLVER.TOTAL is 1, and SOLVER.BATCH the
    number of crops of DATASET.SIZE that are its training set. Everything else, how long it trains included,
    it decides by itself. Its files are in `program/` of the run, from where an interrupted training goes on
    with --resume. Its prediction starts anew for every picture, which takes some 10 seconds.

    Args:
        configuration: of nnU-Net: '2d', '3d_fullres', '3d_lowres'; '': 2d, and 3d_fullres for volumes.
        trainer: the class that trains: nnUNetTrainer ([1]: 1000 epochs of 250 steps), or one of its variants,
            such as nnUNetTrainer_100epochs.
        processes: for reading, augmenting and writing.
        commands: the folder of the commands nnUNetv2_*, which may be of another environment; '' looks in
            PATH.

    Raises:
        ValueError: for a target other than 'mask' and 'ternary', or a source without pictures.

    Differs: all pictures are for training, in place of the mean of five trainings on four fifths each; where
        the voxel size differs along z, nnU-Net is not told, so that DATASET.SPACING should make voxels cubic.

    References: [1, 2] of this module.
    """

    needs = frozenset({"source", "maps"})
    learns = True

    _model: Tensor

    def __init__(
        self,
        task: Task,
        *,
        configuration: str = "",
        trainer: str = "nnUNetTrainer",
        processes: int = 1,
        commands: str = "",
    ) -> None:
        super().__init__(task)
        if task.target.names not in _CLASSES:
            raise ValueError(
                "it learns classes of voxels: TARGET 'mask' or 'ternary', not " + ", ".join(task.target.names)
            )
        if not task.source_pictures:
            raise ValueError(
                "it needs labelled pictures, but DATASET.SOURCE gives labels alone; use 'labelled', "
                "'randomised' or 'translated'"
            )
        if processes < 1:
            raise ValueError(f"PROCESSES must be 1 or more, got {processes}")
        self.classes = _CLASSES[task.target.names]
        self.configuration = configuration or ("3d_fullres" if task.dims == 3 else "2d")
        self.trainer, self.processes, self.commands = trainer, processes, commands
        self.register_buffer("_model", torch.zeros(0, dtype=torch.uint8))

    def versions(self) -> dict[str, str]:
        """Of the package that the commands are from; the weights are in the run."""
        return {"nnunetv2": programs.version_beside(self._command("train"), "nnunetv2")}

    def train_step(self, batch: dict[str, Tensor], clock: Clock) -> Iterator[Update]:
        """No update: nnU-Net trains its own model on the whole batch."""
        pictures = ((batch["source"][:, 0].float() + 1) / 2).cpu().numpy()
        classes = (batch["maps"][:, 0] * (len(self.classes) - 1)).round().byte().cpu().numpy()
        if self.folder is not None:
            self._learn(pictures, classes, self.folder)
        else:
            with tempfile.TemporaryDirectory() as folder:
                self._learn(pictures, classes, Path(folder))
        yield from ()

    def maps(self, pictures: NDArray[np.float32]) -> NDArray[np.float32]:
        """Pictures (B, *S) in [0, 1] -> the likeliest class as a map (B, 1, *S)."""
        model = Path(self._unpacked.name)
        with tempfile.TemporaryDirectory() as place:
            given, made = Path(place, "in"), Path(place, "out")
            given.mkdir()
            for number, picture in enumerate(pictures):
                tifffile.imwrite(given / f"{number:04d}_0000.tif", picture)
            words = ["-i", given, "-o", made, "-m", model, "-f", _FOLD, "-npp", self.processes]
            words += ["-nps", self.processes, "--disable_progress_bar", *self._device]
            self._run("predict_from_modelfolder", words, Path(place))
            found = np.stack([tifffile.imread(made / f"{n:04d}.tif") for n in range(len(pictures))])
        return np.asarray(found[:, None] / (len(self.classes) - 1), np.float32)

    def _learn(self, pictures: NDArray[np.float32], classes: NDArray[np.uint8], folder: Path) -> None:
        """Train, and keep the model; what an interrupted training has left in the folder goes on."""
        results = folder / "results" / _DATASET / f"{self.trainer}__nnUNetPlans__{self.configuration}"
        begun = any((results / f"fold_{_FOLD}").glob("checkpoint_*.pth"))
        if not begun:
            self._write(pictures, classes, folder / "raw" / _DATASET)
            count = self.processes
            words = ["-d", _NUMBER, "-c", self.configuration, "-npfp", count, "-np", count, "--clean"]
            self._run("plan_and_preprocess", words, folder, shown=True)
        words = [_NUMBER, self.configuration, _FOLD, "-tr", self.trainer, *self._device]
        self._run("train", [*words, *["--c"] * begun], folder, shown=True)
        self._model = _packed(results, self.device)
        self.__dict__.pop("_unpacked", None)
        for made in ("raw", "preprocessed"):
            shutil.rmtree(folder / made, ignore_errors=True)

    def _write(self, pictures: NDArray[np.float32], classes: NDArray[np.uint8], folder: Path) -> None:
        """The training set, as nnU-Net wants it."""
        for name in ("imagesTr", "labelsTr"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        for number, (picture, one) in enumerate(zip(pictures, classes, strict=True)):
            tifffile.imwrite(folder / "imagesTr" / f"{number:04d}_0000.tif", picture)
            tifffile.imwrite(folder / "labelsTr" / f"{number:04d}.tif", one)
        told = {
            "channel_names": {"0": "nuclei"}, "numTraining": len(pictures), "file_ending": ".tif",
            "labels": {name: number for number, name in enumerate(self.classes)},
            "overwrite_image_reader_writer": "Tiff3DIO" if self.task.dims == 3 else "NaturalImage2DIO",
        }  # fmt: skip
        (folder / "dataset.json").write_text(json.dumps(told, indent=2), encoding="utf-8")

    def _run(self, command: str, words: list[Any], folder: Path, *, shown: bool = False) -> None:
        environment = {f"nnUNet_{one}": str(folder / one) for one in ("raw", "preprocessed", "results")}
        environment |= {
            "nnUNet_def_n_proc": str(self.processes), "nnUNet_n_proc_DA": str(self.processes),
        }  # fmt: skip
        programs.run([self._command(command), *map(str, words)], environment, shown=shown)

    def _command(self, name: str) -> Path:
        advice = (
            "pip install nnunetv2, here or in an environment of its own whose folder of commands is "
            "METHOD.COMMANDS"
        )
        return programs.command(f"nnUNetv2_{name}", self.commands, advice)

    @property
    def _device(self) -> list[str]:
        return ["-device", self.device.type]

    @cached_property
    def _unpacked(self) -> tempfile.TemporaryDirectory[str]:
        """The folder of the model, as long as this method lives.

        Raises:
            MissingProgramError: when it has not been trained.
        """
        if not self._model.numel():
            raise MissingProgramError("nnU-Net has no model yet; train it first, with nucleizoo train")
        folder = tempfile.TemporaryDirectory()
        with zipfile.ZipFile(io.BytesIO(self._model.cpu().numpy().tobytes())) as packed:
            packed.extractall(folder.name)
        return folder

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *rest: Any) -> None:
        """The model may be of any size."""
        stored = state_dict.get(f"{prefix}_model")
        if stored is not None:
            self._model = self._model.new_empty(stored.shape)
            self.__dict__.pop("_unpacked", None)
        super()._load_from_state_dict(state_dict, prefix, *rest)


def _packed(results: Path, device: torch.device) -> Tensor:
    """A trained model as the bytes of a ZIP file.

    Raises:
        ProgramError: when it lacks a file.
    """
    checkpoint = Path(f"fold_{_FOLD}", "checkpoint_final.pth")
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as packed:
        for name in (*_KEPT, str(checkpoint)):
            if not (results / name).is_file():
                raise ProgramError(f"nnU-Net ended, but left no {name} in {results}")
            packed.write(results / name, name)
    return torch.frombuffer(bytearray(content.getbuffer()), dtype=torch.uint8).to(device)
