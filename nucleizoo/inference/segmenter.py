"""From a picture to maps, and from maps to instance labels."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from yacs.config import CfgNode

from nucleizoo import build
from nucleizoo.contracts import ContentCoder, Interpolator, Method, Translator
from nucleizoo.core.errors import RunError, UserError
from nucleizoo.inference.nucleus_scale import Scale, central, find
from nucleizoo.io import Volume
from nucleizoo.kinds import METHODS
from nucleizoo.ops.image.geometry import voxel_shape
from nucleizoo.ops.image.resize import linear, nearest
from nucleizoo.ops.nn.device import autocast, pick_device, pick_precision
from nucleizoo.ops.nn.layout import to_channels_last
from nucleizoo.ops.nn.norm_statistics import Statistics, watched
from nucleizoo.ops.nn.sliding_window import fitted, padded_and_cropped, slide
from nucleizoo.preprocess import Reader, Scan
from nucleizoo.preprocess.evident_channel import evident_channel
from nucleizoo.runs import Run

log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Segmentation:
    """The nuclei of one scan, on the voxels of its file.

    Attributes:
        labels: (*S) int32, 0 = background, 1..n by first voxel in raster order.
        make_likelihood: computes `likelihood`, which is not always needed.
    """

    labels: NDArray[np.int32]
    make_likelihood: Callable[[], NDArray[np.float32]]

    @cached_property
    def likelihood(self) -> NDArray[np.float32]:
        """The probability of nucleus, (*S) in [0, 1]."""
        return self.make_likelihood()


class Segmenter:
    """A trained method with all that prediction needs: reading as in training, windows, decoding.

    Args:
        method: with trained weights; it is put into evaluation mode on its present device.
        config: of the training; reads DATASET, TARGET and INFERENCE.
        precision: torch.float32 or torch.bfloat16.
        remembered: statistics of its norms on the images in training, for INFERENCE.STATISTICS; None if it
            saw no images, or they were not saved.

    Attributes:
        statistics: INFERENCE.STATISTICS, with 'auto' replaced by 'training' or 'tile'.
        scale: of the nuclei in the file that it was adapted to; None if it was not.
        settings: the KEY VALUE pairs that adapted it.
    """

    scale: Scale | None = None
    settings: tuple[str, ...] = ()

    def __init__(
        self, method: Method, config: CfgNode, precision: torch.dtype, remembered: Statistics | None = None
    ) -> None:
        self.method, self.precision = method.eval(), precision
        to_channels_last(method, method.task.dims)
        self.device = next((p.device for p in method.parameters()), torch.device("cpu"))
        self.overlap: float = config.INFERENCE.OVERLAP
        self.blending = build.blending(config).terms()
        self.statistics: str = config.INFERENCE.STATISTICS
        if self.statistics == "auto":
            self.statistics = "tile" if remembered is None else "training"
        self.config, self.remembered = config, remembered or Statistics()
        self.target, self.decoder = method.task.target, build.decoder(config, method.task.target)

    @classmethod
    def open(cls, run: Run) -> Segmenter:
        """The segmenter of a run folder, on the device that its configuration asks for.

        Raises:
            RunError: when it has no weights, or lacks the statistics that INFERENCE.STATISTICS asks for.
        """
        device = pick_device(run.config.SYSTEM.DEVICE)
        method = run.method().to(device)
        precision = pick_precision(run.config.SYSTEM.PRECISION, device, method.task.dims)
        remembered = run.statistics()
        if method.segments and remembered is None and run.config.INFERENCE.STATISTICS == "training":
            raise RunError(
                f"{run.path}: INFERENCE.STATISTICS training needs norm statistics of the training images, "
                "which this run lacks: it was trained without images, or by an older version; use "
                "INFERENCE.STATISTICS tile"
            )
        return cls(method, run.config, precision, remembered)

    @cached_property
    def reader(self) -> Reader:
        """Reads files the way training read them."""
        return build.reader(self.config)

    def read(self, path: Path) -> list[Scan]:
        """The pictures in a file; for a 2D method, each plane of a stack is one."""
        return self.reader.read(path)

    def window(self, shape: tuple[int, ...]) -> tuple[int, ...]:
        """The window in which a picture (*S) is predicted: INFERENCE.WINDOW, or what is `fitted` of it."""
        most = self.config.INFERENCE.WINDOW
        return fitted(most, shape, self.overlap, self.method.divisor) if most else ()

    @property
    def adapts(self) -> bool:
        """Whether files are magnified as their nuclei need: INFERENCE.NOMINAL_DIAMETER is set, no ZOOM is."""
        return bool(self.config.INFERENCE.NOMINAL_DIAMETER and not self.config.DATASET.IMAGE.ZOOM)

    def opened(self, path: Path) -> tuple[Segmenter, Volume]:
        """A file in memory, and the segmenter for it: see `adapted`.

        Raises:
            ImageReadError: when it cannot be used.
        """
        volume = self.reader.open(path)
        return self.adapted(volume, str(path)), volume

    def adapted(self, volume: Volume, name: str) -> Segmenter:
        """The segmenter of one file, whose nuclei it magnifies to INFERENCE.NOMINAL_DIAMETER, if it `adapts`.

        Volumes become isotropic: where the voxel size is unknown, voxels are treated as cubes. Of several
        channels the `evident_channel` is used, where there is one.

        Args:
            volume: the file, or the middle of it.
            name: of the file, for messages.

        Raises:
            ImageReadError: when the file cannot be used.
        """
        if not self.adapts:
            return self
        told = self.config.INFERENCE
        spacing = self.reader.voxel_size(volume.spacing)
        cubes = voxel_shape(spacing, self.method.task.dims)
        scale, seen = Scale(told.DIAMETER, told.POLARITY == "dark", 0.0), central(volume)
        channel = self._channel(seen, name)
        if not told.DIAMETER or told.POLARITY == "auto":
            dark = [False, True] if told.POLARITY == "auto" else [scale.dark]
            found = None
            if seen.data.min() < seen.data.max():
                looks = {one: self._told(cubes, one, channel).reader.prepare(seen, name) for one in dark}
                shown = {one: scans[len(scans) // 2].image for one, scans in looks.items()}
                found = find(self._segment, shown, told.NOMINAL_DIAMETER, told.DIAMETER)
            if found is None:
                log.info("%s: no nucleus was found at any size; set --diameter if there are some", name)
            scale = found or replace(scale, diameter=told.DIAMETER or told.NOMINAL_DIAMETER)
        zoom = told.NOMINAL_DIAMETER / float(f"{scale.diameter:.3g}")
        made = self._told(tuple(zoom * edge for edge in cubes), scale.dark, channel)
        made.scale = scale
        return made

    def _channel(self, seen: Volume, name: str) -> str:
        """DATASET.IMAGE.CHANNEL for a file."""
        asked: str = self.config.DATASET.IMAGE.CHANNEL
        if asked != "auto" or "C" not in seen.axes or seen.data.shape[-1] == 1:
            return asked
        evident = evident_channel(seen.data)
        if evident:
            log.info("%s: of its %d channels, %s is used", name, seen.data.shape[-1], evident)
        return evident or asked

    def _told(self, zoom: tuple[float, ...], dark: bool, channel: str) -> Segmenter:
        """The same that magnifies files, inverts them if nuclei are dark, and uses a channel.

        Of what absorbs light faint structures are background: they are not lifted as dim nuclei are, which
        found every pale shade of stained tissue.
        """
        pairs = ["DATASET.IMAGE.ZOOM", str(zoom), "DATASET.IMAGE.SCALING.INVERT", str(dark)]
        pairs += ["DATASET.IMAGE.CHANNEL", repr(channel)]
        if dark:
            pairs += ["DATASET.IMAGE.SCALING.ASINH", "0.0"]
        config = self.config.clone()
        config.defrost()
        config.merge_from_list(pairs)
        config.freeze()
        remembered = self.remembered if self.statistics == "training" else None
        made = Segmenter(self.method, config, self.precision, remembered)
        made.settings = tuple(pairs)
        return made

    def _segment(self, image: NDArray[np.float32]) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
        """Picture (C, *S) in [-1, 1] -> labels and probability of nucleus, both (*S)."""
        maps = self.tiles(torch.from_numpy(image)[None])[0].numpy()
        labels = self.decoder(dict(zip(self.target.names, maps, strict=True)))
        return labels, self.target.likelihood(maps)

    def segment(self, scan: Scan) -> Segmentation:
        """The nuclei of a scan, on the voxels of its file; none where it has one value everywhere."""
        if scan.image.min() == scan.image.max():
            return Segmentation(
                np.zeros(scan.shape, np.int32), lambda: np.zeros(scan.shape, np.float32)
            )  # fmt: skip
        return self.decode(scan, self.maps(scan.image))

    def decode(self, scan: Scan, maps: NDArray[np.float32]) -> Segmentation:
        """Maps (K, *S) of a scan -> its nuclei; they are decoded on the voxels of the file, for smooth
        outlines.

        Maps are first rounded as prediction by blocks stores them, so that both give the same labels.
        """
        rounded = self.rounded(maps)
        named = {
            channel.name: (nearest if channel.is_number else partial(linear, blur=False))(one, scan.shape)
            for channel, one in zip(self.target.channels, rounded, strict=True)
            if channel.name in self.decoder.reads
        }
        labels = self.decoder(named, scan.voxels)
        return Segmentation(labels, lambda: linear(self.target.likelihood(rounded), scan.shape, blur=False))

    def rounded(self, maps: NDArray[np.float32]) -> NDArray[np.float32]:
        """Maps (K, *S) -> the same, rounded to the nearest of 256 values."""
        pairs = zip(self.target.channels, maps, strict=True)
        return np.stack([channel.from_bytes(channel.to_bytes(one)) for channel, one in pairs])

    def maps(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Picture (C, *S) in [-1, 1] -> maps (K, *S) in the target's ranges."""
        return self._apply(self.method, image, self.remembered if self.statistics == "training" else None)

    def to_image(self, source: NDArray[np.float32]) -> NDArray[np.float32]:
        """Picture of the source domain (C, *S) -> picture of the image domain, both in [-1, 1].

        Raises:
            UserError: when the method does not translate.
        """
        return self._apply(self._able(Translator, "translate").to_image, source)

    def to_source(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Picture of the image domain (C, *S) -> picture of the source domain, both in [-1, 1].

        Raises:
            UserError: when the method does not translate.
        """
        return self._apply(self._able(Translator, "translate").to_source, image)

    def between(self, image: NDArray[np.float32], share: float) -> NDArray[np.float32]:
        """The content of an image (C, *S), decoded as a picture between the domains, both in [-1, 1].

        `share` is that of the source domain: 0 gives the image again, 1 translates it.

        Raises:
            UserError: when the method cannot decode between the domains.
        """
        able = self._able(Interpolator, "decode between the domains")
        return self._apply(partial(able.between, share=share), image)

    @torch.no_grad()
    def content(self, picture: NDArray[np.float32], domain: str) -> NDArray[np.float32]:
        """The content code of a picture (C, *S) in [-1, 1], the input of its decoder: (K, ...).

        `domain` is that of the picture, 'image' or 'source'; *S are multiples of the method's divisor.

        Raises:
            UserError: when the method does not separate content from the domain.
        """
        able = self._able(ContentCoder, "tell content and domain apart")
        with autocast(self.device, self.precision):
            code = able.encode(torch.from_numpy(picture)[None].to(self.device), domain)
        made: NDArray[np.float32] = code[0].float().cpu().numpy()
        return made

    def _able(self, capability: Any, what: str) -> Any:
        """The method, if it has a capability."""
        if not isinstance(self.method, capability):
            fitting = [name for name in METHODS.names() if issubclass(METHODS.get(name), capability)]
            raise UserError(
                f"METHOD '{self.config.METHOD.NAME}' does not {what}; use a run of one that does: "
                f"{', '.join(fitting) or 'none is known'}"
            )
        return self.method

    def picture_of(self, labels: NDArray[np.int32], spacing: tuple[float, ...] = ()) -> NDArray[np.float32]:
        """Labels (*S) -> the picture that the method sees of a dataset of labels, (K, *S) in [-1, 1].

        `spacing` is the voxel size in micrometres, in axis order; () when it is unknown.

        Raises:
            RunError: when the run was trained with source pictures, so that it cannot translate labels.
        """
        if self.method.task.source_pictures:
            raise RunError(
                "this run was trained with source pictures and cannot translate labels to images; use a run "
                "whose DATASET.SOURCE gives only labels"
            )
        return self.target.picture_of(labels, spacing)

    @torch.no_grad()
    def tiles(
        self, pictures: Tensor, *, into: Statistics | None = None, given: Statistics | None = None
    ) -> Tensor:
        """Pictures (B, C, *S) in [-1, 1] on any device -> maps (B, K, *S) float32 on the CPU.

        `into` and `given` are those of `ops.nn.norm_statistics.watched`.

        Raises:
            RunError: when the maps are not finite.
        """
        through = self._through(self.method, pictures.to(self.device), into=into, given=given)
        return _finite(through).cpu()

    @torch.no_grad()
    def watch(self, pictures: NDArray[np.float32], into: Statistics) -> None:
        """Add the norm statistics of predicting the maps of pictures (B, C, *S) in [-1, 1] to `into`."""
        self._through(self.method, torch.from_numpy(pictures).to(self.device), into=into)

    @torch.no_grad()
    def _apply(
        self,
        network: Callable[[Tensor], Tensor],
        picture: NDArray[np.float32],
        given: Statistics | None = None,
    ) -> NDArray[np.float32]:
        batch, run = torch.from_numpy(picture)[None].to(self.device), partial(self._through, network)
        window = self.window(tuple(picture.shape[1:]))
        if self.statistics == "image" and window:
            # an approximation to the statistics of the whole picture: this pass normalises with those of
            # tiles, which changes the input of all layers but the first; exact ones need one pass per layer
            given = Statistics()
            slide(partial(run, into=given), batch, window, 0.0)
        run = partial(run, given=given)
        made = slide(run, batch, window, self.overlap, self.blending) if window else run(batch)
        return _finite(made)[0].cpu().numpy()

    def _through(
        self,
        network: Callable[[Tensor], Tensor],
        batch: Tensor,
        *,
        into: Statistics | None = None,
        given: Statistics | None = None,
    ) -> Tensor:
        watch = nullcontext() if into is None and given is None else watched(into=into, given=given)
        with autocast(self.device, self.precision), watch:
            return padded_and_cropped(network, batch, self.method.divisor).float()


def _finite(made: Tensor) -> Tensor:
    if not torch.isfinite(made).all():
        raise RunError(
            "the network's output is not finite (NaN or infinite): its weights are damaged, train again"
        )
    return made
