"""The labelled source of a finished run, translated to the image domain by that run.

The second stage of 'translate, then segment': train `cyclegan` first, then `supervised` on its translations.
"""

from __future__ import annotations

import logging
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from nucleizoo.contracts import Dataset, DataSpec, Method, Sample, Translator
from nucleizoo.core.config import recipe_of
from nucleizoo.core.errors import ConfigError, RunError, UserError
from nucleizoo.kinds import DATASETS, METHODS
from nucleizoo.ops.nn.device import pick_device
from nucleizoo.ops.nn.sliding_window import padded_and_cropped
from nucleizoo.preprocess import Scan, random_crop
from nucleizoo.runs import Run

from .planes import plane

log = logging.getLogger(__name__)

_SEED = 4
"""Keeps the random numbers of these patches apart from those of the run's training (domains 0 and 1)."""


@DATASETS.register("translated")
class Translated(Dataset):
    """Patches of a run's labelled source, translated to look like its images, with their labels.

    They are made once, when the dataset is opened, always with the same random numbers, and kept in memory;
    training draws random crops of them. Beyond its border a patch is mirrored.

    A run in 2D serves for volumes, too, as in DeepSynth: its source is opened in 3D, and volumes are
    translated plane by plane. Masks for such a run come from the dataset 'planes'.

    Args:
        run: folder of the finished run; a relative path starts from the folder that the command runs in.
        patch: size of the patches, (y, x) or (z, y, x) in voxels; preferably larger than DATASET.SIZE,
            because augmentation needs larger crops. Empty: the DATASET.SIZE of the run, which is best for
            synthetic masks whose COUNT refers to no PATCH; not for volumes of a run in 2D.
        count: number of patches.
        cache_gb: memory that they may use, in 10^9 bytes (4 per voxel and channel, and 4 for labels).
        plugins: plugin files that the run needs.

    Raises:
        ValueError: for a value out of range.
        RunError: when the run is missing, not finished, or does not translate labelled pictures.
        ConfigError: when it was trained on pictures of other dimensions (in 3D for 2D), channels or voxel
            size.
        UserError: when its source cannot be opened, or the patches would not fit in memory.
    """

    gives = frozenset({"image", "labels"})

    def __init__(
        self,
        spec: DataSpec,
        *,
        run: str = "",
        patch: tuple[int, ...] = (),
        count: int = 200,
        cache_gb: float = 4.0,
        plugins: tuple[str, ...] = (),
    ) -> None:
        if not run:
            raise ValueError("RUN is missing; give the folder of a finished run that translates")
        if patch and (len(patch) != spec.dims or min(patch) < 1):
            raise ValueError(f"PATCH must be {spec.dims} sizes above 0, or empty; got {list(patch)}")
        if count < 1:
            raise ValueError(f"COUNT must be 1 or more, got {count}")
        opened = _open(Path(run), plugins)
        _check(opened, spec)
        size = patch or opened.config.DATASET.SIZE
        if len(size) < spec.dims:
            raise ValueError(f"PATCH is missing: {run} was trained in 2D; give the (z, y, x) of the volumes")
        needed = count * math.prod(size) * 4 * (spec.channels + 1) / 1e9
        if needed > cache_gb:
            raise UserError(
                f"{count} patches of {'x'.join(map(str, size))} take {needed:.1f} GB, more than CACHE_GB "
                f"({cache_gb:g}); lower COUNT or PATCH of the dataset 'translated', or raise CACHE_GB"
            )
        log.info("translating %d patches with %s (%.2f GB in memory)", count, run, needed)
        self.scans = _translate(opened, spec, size, count)

    def sample(self, rng: np.random.Generator, size: tuple[int, ...]) -> Sample:
        """A random crop of a random patch, with its labels."""
        return random_crop(self.scans[int(rng.integers(len(self.scans)))], rng, size)


def _open(path: Path, plugins: tuple[str, ...]) -> Run:
    """Open a finished run.

    Raises:
        RunError: when it is not finished, or does not exist.
        ConfigError: when its configuration cannot be read, for example because a plugin is missing.
    """
    if not path.exists():
        raise RunError(
            f"the dataset 'translated' needs the folder of a finished run, but {path} does not exist (seen "
            f"from {Path.cwd()}); train it first, or set RUN"
        )
    try:
        return Run.open_finished(path, plugins)
    except ConfigError as error:
        told = "cannot open the run of the dataset 'translated' (set its key PLUGINS if it needs plugins)"
        raise ConfigError(f"{told}: {error}") from error


def _check(run: Run, spec: DataSpec) -> None:
    """Refuse a run whose translations cannot be training pictures for this experiment.

    Raises:
        RunError: when its source has no labels, or it does not translate.
        ConfigError: when its pictures have other dimensions, channels or another voxel size.
    """
    data, name = run.config.DATASET, run.config.METHOD.NAME
    if "labels" not in DATASETS.get(data.SOURCE.NAME).gives:
        raise RunError(f"{run.path} was trained without labels: its dataset '{data.SOURCE.NAME}' has none")
    if not issubclass(METHODS.get(name), Translator):
        raise RunError(f"{run.path}: its method '{name}' does not translate; give a run of one that does")
    dims = len(data.SIZE)
    theirs = {"SIZE": dims, "CHANNELS": data.CHANNELS, "SPACING": data.SPACING}
    mine = {"SIZE": spec.dims, "CHANNELS": spec.channels, "SPACING": spec.spacing}
    if dims < spec.dims:  # plane by plane
        mine |= {"SIZE": dims, "SPACING": spec.spacing[1:]}
    for key, value in mine.items():
        if theirs[key] != value:
            told = "axes of DATASET.SIZE" if key == "SIZE" else f"DATASET.{key}"
            raise ConfigError(f"{run.path} was trained with {told} {theirs[key]}, but here it is {value}")


def _source(run: Run, spec: DataSpec, size: tuple[int, ...]) -> Dataset:
    """The run's labelled source; in 3D if this experiment is.

    Raises:
        ConfigError: when it has settings that hold for planes alone.
        UserError: when it cannot be opened.
    """
    data = run.config.DATASET
    source, spec = recipe_of(data.SOURCE, DATASETS), replace(spec, root=Path(data.ROOT))
    if len(data.SIZE) == spec.dims:
        return source(replace(spec, size=data.SIZE))  # type: ignore[no-any-return]
    try:
        return source(replace(spec, size=size))  # type: ignore[no-any-return]
    except ValueError as error:
        raise ConfigError(
            f"{run.path} was trained in 2D, and its source '{source.name}' gives no volumes: {error}; train "
            "it on the dataset 'planes'"
        ) from error


@torch.no_grad()
def _translate(run: Run, spec: DataSpec, size: tuple[int, ...], count: int) -> list[Scan]:
    """Draw patches of the run's labelled source and translate their pictures, one by one.

    Raises:
        RunError: when the weights are missing or damaged.
        UserError: when the dataset cannot be opened.
    """
    seed, dataset = run.config.SYSTEM.SEED, _source(run, spec, size)
    device = pick_device(run.config.SYSTEM.DEVICE)
    # building a method draws weights; this must not change the random numbers of the coming training
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        torch.manual_seed(seed)
        method = run.method().to(device).eval()
        samples = (dataset.sample(np.random.default_rng((seed, i, _SEED)), size) for i in range(count))
        return [_translated(method, sample, device) for sample in samples]


def _translated(method: Method, sample: Sample, device: torch.device) -> Scan:
    """A labelled sample (C, *S) -> its labels, with a picture that looks like the image domain."""
    assert sample.labels is not None, "a dataset that gives labels returned none"
    if method.task.dims < sample.labels.ndim:
        planes = [plane(sample, z) for z in range(len(sample.labels))]
        image = np.stack([_picture(method, one, device) for one in planes], axis=1)
    else:
        image = _picture(method, sample, device)
    return Scan(image=image, spacing=sample.spacing, shape=sample.labels.shape, labels=sample.labels)


def _picture(method: Method, sample: Sample, device: torch.device) -> NDArray[np.float32]:
    """The picture (C, *S) of a labelled sample of as many dimensions as the method, translated."""
    picture = sample.image
    if picture is None:
        assert sample.labels is not None
        picture = method.task.target.picture_of(sample.labels, sample.spacing)
    batch = torch.from_numpy(picture)[None].to(device)
    assert isinstance(method, Translator)
    made = padded_and_cropped(method.to_image, batch, method.divisor).float()
    if not torch.isfinite(made).all():
        raise RunError("a translation is not finite: the weights of the run are damaged, train it again")
    translated: NDArray[np.float32] = made[0].cpu().numpy()
    return translated
