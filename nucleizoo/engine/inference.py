"""From a picture to maps, and from maps to instance labels."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from yacs.config import CfgNode

from nucleizoo import build
from nucleizoo.contracts import Method
from nucleizoo.core.errors import RunError
from nucleizoo.engine.statistics import of_picture, of_training
from nucleizoo.ops.device import autocast, pick_device, pick_precision
from nucleizoo.ops.resize import linear
from nucleizoo.ops.statistics import Statistics, watched
from nucleizoo.ops.windows import grown_and_cut, slide
from nucleizoo.reading import Reader, Scan
from nucleizoo.runs import Run


@dataclass(frozen=True)
class Pass:
    """A way through the networks: its name, what it computes, and the domain of the pictures it takes."""

    name: str
    network: Callable[[Tensor], Tensor]
    domain: str = "image"


class Segmenter:
    """A trained method with everything around it: reading as in training, windows, decoding.

    Args:
        method: its weights decide; it is put into evaluation mode on its present device.
        config: of the training; reads DATASET, TARGET and INFERENCE.
        precision: torch.float32 or torch.bfloat16.
    """

    def __init__(self, method: Method, config: CfgNode, precision: torch.dtype) -> None:
        self.method, self.precision = method.eval(), precision
        self.device = next(method.parameters()).device
        self.window: tuple[int, ...] = config.INFERENCE.WINDOW
        self.overlap: float = config.INFERENCE.OVERLAP
        self.statistics: str = config.INFERENCE.STATISTICS
        self.config = config
        self._remembered: dict[str, Statistics] = {}
        self.target, self.decoder = method.task.target, build.decoder(config)

    @classmethod
    def open(cls, run: Run) -> Segmenter:
        """The segmenter of a run folder, on the device that its configuration asks for."""
        device = pick_device(run.config.SYSTEM.DEVICE)
        method = run.method().to(device)
        precision = pick_precision(run.config.SYSTEM.PRECISION, device, method.task.dims)
        return cls(method, run.config, precision)

    @cached_property
    def reader(self) -> Reader:
        """Reads files the way training read them."""
        return build.reader(self.config)

    def read(self, path: Path) -> list[Scan]:
        """The pictures in a file, a stack's planes one by one when the method is for 2D."""
        return self.reader.read(path)

    def labels(self, scan: Scan) -> NDArray[np.int32]:
        """Instance labels, of the shape that the picture has in its file."""
        return self.decode(scan, self.maps(scan.image))

    def decode(self, scan: Scan, maps: NDArray[np.float32]) -> NDArray[np.int32]:
        """Maps of a scan -> its labels; they are decoded on the voxels of the file, for smooth outlines."""
        named = {
            name: linear(one, scan.shape, blur=False)
            for name, one in zip(self.target.names, maps, strict=True)
        }
        return self.decoder(named, scan.file_spacing)

    def maps(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Picture (C, *S) in [-1, 1] -> maps (K, *S) in the target's ranges."""
        return self._apply(Pass("maps", self.method), image)

    def to_image(self, source: NDArray[np.float32]) -> NDArray[np.float32]:
        """Picture of the source domain (C, *S) -> picture of the image domain, both in [-1, 1]."""
        return self._apply(Pass("to_image", self.method.to_image, "source"), source)

    def to_source(self, image: NDArray[np.float32]) -> NDArray[np.float32]:
        """Picture of the image domain (C, *S) -> picture of the source domain, both in [-1, 1]."""
        return self._apply(Pass("to_source", self.method.to_source), image)

    def between(self, image: NDArray[np.float32], share: float) -> NDArray[np.float32]:
        """The content of an image (C, *S), decoded as a picture between the domains, both in [-1, 1].

        `share` is the part of the source domain in the label: 0 gives the image again, 1 translates it.
        """

        def network(tile: Tensor) -> Tensor:
            return self.method.decode(self.method.encode(tile, 0.0), share)

        return self._apply(Pass(f"between {share}", network), image)

    @torch.no_grad()
    def content(self, picture: NDArray[np.float32], share: float) -> NDArray[np.float32]:
        """The content of a picture (C, *S) in [-1, 1], from which decoding starts: (K, ...).

        `share` is 0 for a picture of the image domain, 1 for one of the source domain; *S are multiples of
        the method's divisor.
        """
        with autocast(self.device, self.precision):
            code = self.method.encode(torch.from_numpy(picture)[None].to(self.device), share)
        return code[0].float().cpu().numpy()

    def picture_of(self, labels: NDArray[np.int32], spacing: tuple[float, ...] = ()) -> NDArray[np.float32]:
        """Labels (*S) -> the picture that a source of labels shows the method, (K, *S) in [-1, 1].

        `spacing` is the voxel size in micrometres, in axis order; () when it is unknown.

        Raises:
            RunError: when the source of the run gives pictures of its own, which labels are not.
        """
        if self.method.task.source_pictures:
            raise RunError(
                "this run makes no image of labels, for its source was pictures; take a run whose source is "
                "labels alone ('synthetic')"
            )
        return self.target.picture_of(labels, spacing)

    @torch.no_grad()
    def tiles(
        self, pictures: Tensor, *, into: Statistics | None = None, given: Statistics | None = None
    ) -> Tensor:
        """Pictures (B, C, *S) in [-1, 1] on any device -> maps (B, K, *S) float32 on the CPU.

        `into` and `given` are those of `ops.statistics.watched`.

        Raises:
            RunError: when the maps are not finite.
        """
        through = self._through(self.method, pictures.to(self.device), into=into, given=given)
        return _finite(through).cpu()

    def statistics_of_training(self) -> Statistics:
        """What the norms saw of the training's crops on the way to maps; see `engine.statistics`."""
        return self._of_training(Pass("maps", self.method))

    @torch.no_grad()
    def _apply(self, way: Pass, picture: NDArray[np.float32]) -> NDArray[np.float32]:
        batch = torch.from_numpy(picture)[None].to(self.device)
        run, given = partial(self._through, way.network), None
        if self.statistics == "training":
            given = self._of_training(way)
        elif self.statistics == "image" and self.window:
            given = of_picture(run, batch, self.window)
        run = partial(run, given=given)
        made = slide(run, batch, self.window, self.overlap) if self.window else run(batch)
        return _finite(made)[0].cpu().numpy()

    @torch.no_grad()
    def _of_training(self, way: Pass) -> Statistics:
        if way.name not in self._remembered:
            run = partial(self._through, way.network)
            self._remembered[way.name] = of_training(run, self.config, way.domain, self.device)
        return self._remembered[way.name]

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
            return grown_and_cut(network, batch, self.method.divisor).float()


def _finite(made: Tensor) -> Tensor:
    if not torch.isfinite(made).all():
        raise RunError("the network's output is not finite: its weights are damaged, train again")
    return made
