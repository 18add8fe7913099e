"""CellProfiler, run without its windows on a pipeline that is written here [1, 2].

[1] McQuin et al., CellProfiler 3.0: next-generation image processing for biology, 2018.
[2] CellProfiler 4.2.8 (BSD-3-Clause), read for its command line, the format of pipelines, and the settings of
    their modules; its own example ExampleFly.cppipe shows how they are written.
"""

from __future__ import annotations

import tempfile
from functools import cached_property
from pathlib import Path

import numpy as np
import tifffile
from numpy.typing import NDArray

from nucleizoo.contracts import LabelProgram, Task
from nucleizoo.core import programs
from nucleizoo.core.errors import ProgramError
from nucleizoo.kinds import METHODS

_RULES = {
    "minimum_cross_entropy": ("Minimum Cross-Entropy", "Two classes"),
    "otsu": ("Otsu", "Two classes"),
    "otsu3": ("Otsu", "Three classes"),
}
_STRATEGIES = {"global": "Global", "adaptive": "Adaptive"}
_SPLITS = {"intensity": "Intensity", "shape": "Shape", "none": "None"}
_MIDDLES = {"foreground": "Foreground", "background": "Background"}

Settings = dict[str, object]
"""Of a module of a pipeline: what they are called there, in their order -> value."""


@METHODS.register("cellprofiler")
class CellProfiler(LabelProgram):
    """The command `cellprofiler` with its module IdentifyPrimaryObjects; nothing is trained.

    Every picture starts the program anew. `threshold` does nearly the same without it, also in 3D; the names
    of settings are the same.

    Args:
        diameter: least and largest of nuclei, in pixels that it sees; CellProfiler: 10, 40.
        discard: whether nuclei outside of `diameter` are dropped; CellProfiler: true.
        split: how touching nuclei are told apart, and where lines between them go: by 'intensity'
            (CellProfiler), by 'shape', or not, 'none'.
        rule: of the threshold: 'minimum_cross_entropy' (CellProfiler), 'otsu', or 'otsu3', of three classes.
        strategy: 'global' (CellProfiler), one threshold per picture, or 'adaptive'.
        window: of the adaptive threshold, in pixels that it sees; CellProfiler: 50.
        smooth: before the threshold; CellProfiler: 1.3488.
        correction: multiplies the threshold.
        lower: least threshold, in [0, 1].
        upper: largest threshold.
        middle: of three classes: 'foreground' (CellProfiler) or 'background'.
        commands: the folder of the command; '' looks in PATH.

    Raises:
        ValueError: for a setting outside its range, or a target other than 'labels'.

    Differs: nuclei at the border of a picture are kept, which CellProfiler drops unless told otherwise, since
        they count in every score.

    References: [1, 2] of this module.
    """

    dims = (2,)

    def __init__(
        self,
        task: Task,
        *,
        diameter: tuple[int, ...] = (10, 40),
        discard: bool = True,
        split: str = "intensity",
        rule: str = "minimum_cross_entropy",
        strategy: str = "global",
        window: int = 50,
        smooth: float = 1.3488,
        correction: float = 1.0,
        lower: float = 0.0,
        upper: float = 1.0,
        middle: str = "foreground",
        commands: str = "",
    ) -> None:
        super().__init__(task)
        for key, value, known in (
            ("SPLIT", split, _SPLITS), ("RULE", rule, _RULES), ("STRATEGY", strategy, _STRATEGIES),
            ("MIDDLE", middle, _MIDDLES),
        ):  # fmt: skip
            if value not in known:
                raise ValueError(f"{key} must be one of {', '.join(known)}, got '{value}'")
        if len(diameter) != 2 or not 1 <= diameter[0] <= diameter[1]:
            raise ValueError(f"DIAMETER must be two numbers, 1 or more, the least first, got {diameter}")
        if window < 2 or smooth < 0 or correction <= 0 or not 0 <= lower <= upper <= 1:
            raise ValueError(
                "WINDOW must be 2 or more, SMOOTH 0 or more, CORRECTION above 0, and 0 <= LOWER <= UPPER "
                f"<= 1, got {window}, {smooth}, {correction}, {lower} and {upper}"
            )
        method, classes = _RULES[rule]
        self.commands = commands
        self.objects: Settings = {
            "Select the input image": "Picture",
            "Name the primary objects to be identified": "Nuclei",
            "Typical diameter of objects, in pixel units (Min,Max)": f"{diameter[0]},{diameter[1]}",
            "Discard objects outside the diameter range?": _yes(discard),
            "Discard objects touching the border of the image?": "No",
            "Method to distinguish clumped objects": _SPLITS[split],
            "Method to draw dividing lines between clumped objects": _SPLITS[split],
            "Size of smoothing filter": 10,
            "Suppress local maxima that are closer than this minimum allowed distance": 7,
            "Speed up by using lower-resolution image to find local maxima?": "Yes",
            "Fill holes in identified objects?": "After both thresholding and declumping",
            "Automatically calculate size of smoothing filter for declumping?": "Yes",
            "Automatically calculate minimum allowed distance between local maxima?": "Yes",
            "Handling of objects if excessive number of objects identified": "Continue",
            "Maximum number of objects": 500,
            "Use advanced settings?": "Yes",
            "Threshold setting version": 12,
            "Threshold strategy": _STRATEGIES[strategy],
            "Thresholding method": method,
            "Threshold smoothing scale": smooth,
            "Threshold correction factor": correction,
            "Lower and upper bounds on threshold": f"{lower},{upper}",
            "Manual threshold": 0.0,
            "Select the measurement to threshold with": "None",
            "Two-class or three-class thresholding?": classes,
            "Log transform before thresholding?": "No",
            "Assign pixels in the middle intensity class to the foreground or the background?": _MIDDLES[
                middle
            ],
            "Size of adaptive window": window,
            "Lower outlier fraction": 0.05,
            "Upper outlier fraction": 0.05,
            "Averaging method": "Mean",
            "Variance method": "Standard deviation",
            "# of deviations": 2.0,
            "Thresholding method ": method,  # of the adaptive strategy; a key of its own by the blank
        }

    def versions(self) -> dict[str, str]:
        """Of the command."""
        return {"cellprofiler": programs.version_said(self._command, "--version")}

    def labels(self, picture: NDArray[np.float32]) -> NDArray[np.int32]:
        """Picture (Y, X) in [0, 1] -> labels (Y, X)."""
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            made, pipeline = folder / "out", folder / "nuclei.cppipe"
            pipeline.write_text(self.pipeline(), encoding="utf-8")
            for one in (folder / "in", made):
                one.mkdir()
            levels = np.rint(picture * np.float32(65535)).astype(np.uint16)
            tifffile.imwrite(folder / "in" / "picture.tif", levels)
            words: list[str | Path] = ["-c", "-r", "-p", pipeline, "-i", folder / "in", "-o", made]
            programs.run([self._command, *words], {})
            if not (made / "labels.npy").is_file():  # it says what is wrong, and ends well
                raise ProgramError(
                    "cellprofiler ended without labels: its version cannot use the pipeline, which was "
                    "written for 4.2"
                )
            found: NDArray[np.int32] = np.load(made / "labels.npy")
        return found

    def pipeline(self) -> str:
        """The pipeline, as CellProfiler writes one to a file."""
        modules = [*_INPUT, ("IdentifyPrimaryObjects", 15, self.objects), *_OUTPUT]
        lines = [
            "CellProfiler Pipeline: http://www.cellprofiler.org",  # by which it knows the file
            "Version:5", "DateRevision:428", "GitHash:", f"ModuleCount:{len(modules)}",
            "HasImagePlaneDetails:False",
        ]  # fmt: skip
        for number, (name, revision, settings) in enumerate(modules, 1):
            told = {
                "module_num": number, "svn_version": "'Unknown'", "variable_revision_number": revision,
                "show_window": False, "notes": [], "batch_state": "array([], dtype=uint8)", "enabled": True,
                "wants_pause": False,
            }  # fmt: skip
            lines += ["", f"{name}:[{'|'.join(f'{key}:{value}' for key, value in told.items())}]"]
            lines += [f"    {key.strip()}:{value}" for key, value in settings.items()]
        return "\n".join(lines) + "\n"

    @cached_property
    def _command(self) -> Path:
        advice = (
            "install CellProfiler 4.2 (its project has installers; PyPI has the package cellprofiler, which "
            "needs Java and Python 3.8 or 3.9), and name the folder of the command with METHOD.COMMANDS"
        )
        return programs.command("cellprofiler", self.commands, advice)


def _yes(wanted: bool) -> str:
    return "Yes" if wanted else "No"


_ANY = 'and (file does contain "")'

_INPUT: list[tuple[str, int, Settings]] = [
    ("Images", 2, {"": "", "Filter images?": "No filtering", "Select the rule criteria": _ANY}),
    (
        "Metadata", 6,
        {
            "Extract metadata?": "No", "Metadata data type": "Text", "Metadata types": "{}",
            "Extraction method count": 1, "Metadata extraction method": "Extract from file/folder names",
            "Metadata source": "File name", "Regular expression to extract from file name": "^(?P<Name>.*)",
            "Regular expression to extract from folder name": "(?P<Folder>.*)$",
            "Extract metadata from": "All images", "Select the filtering criteria": _ANY,
            "Metadata file location": "Elsewhere...|", "Match file and image metadata": "[]",
            "Use case insensitive matching?": "No", "Metadata file name": "",
            "Does cached metadata exist?": "No",
        },
    ),
    (
        "NamesAndTypes", 8,
        {
            "Assign a name to": "All images", "Select the image type": "Grayscale image",
            "Name to assign these images": "Picture", "Match metadata": "[]",
            "Image set matching method": "Order", "Set intensity range from": "Image bit-depth",
            "Assignments count": 1, "Single images count": 0, "Maximum intensity": 255.0,
            "Process as 3D?": "No", "Relative pixel spacing in X": 1.0, "Relative pixel spacing in Y": 1.0,
            "Relative pixel spacing in Z": 1.0, "Select the rule criteria": _ANY,
            "Name to assign these images ": "Unused", "Name to assign these objects": "UnusedObjects",
            "Select the image type ": "Grayscale image", "Set intensity range from ": "Image bit-depth",
            "Maximum intensity ": 255.0,
        },
    ),
    (
        "Groups", 2,
        {
            "Do you want to group your images?": "No", "grouping metadata count": 1,
            "Metadata category": "None",
        },
    ),
]  # fmt: skip
"""The four modules that every pipeline begins with."""

_OUTPUT: list[tuple[str, int, Settings]] = [
    (
        "ConvertObjectsToImage", 1,
        {
            "Select the input objects": "Nuclei", "Name the output image": "Labels",
            "Select the color format": "uint16", "Select the colormap": "Default",
        },
    ),
    (
        "SaveImages", 16,
        {
            "Select the type of image to save": "Image", "Select the image to save": "Labels",
            "Select method for constructing file names": "Single name",
            "Select image name for file prefix": "Picture", "Enter single file name": "labels",
            "Number of digits": 4, "Append a suffix to the image file name?": "No",
            "Text to append to the image name": "",
            "Saved file format": "npy",  # other formats rescale integers
            "Output file location": "Default Output Folder|", "Image bit depth": "16-bit integer",
            "Overwrite existing files without warning?": "Yes", "When to save": "Every cycle",
            "Record the file and path information to the saved image?": "No",
            "Create subfolders in the output folder?": "No", "Base image folder": "Default Input Folder|",
            "How to save the series": "T (Time)", "Save with lossless compression?": "No",
        },
    ),
]  # fmt: skip
"""The labels as they are, in labels.npy."""
