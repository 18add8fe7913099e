"""Prediction and decoding by blocks give what they give in memory."""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path

import numpy as np
import tifffile
import torch
from numpy.typing import NDArray
from scipy import ndimage

from nucleizoo.blockwise.decode.decoding import Decoding, check_rules
from nucleizoo.blockwise.maps.volume import VolumeInput
from nucleizoo.blockwise.pipeline import Pipeline
from nucleizoo.blockwise.plan.budget import default_limit
from nucleizoo.blockwise.plan.plan import Plan
from nucleizoo.blockwise.step import run_steps
from nucleizoo.checks.check import NotApplicableError, PromiseError, expect
from nucleizoo.checks.steps import Steps
from nucleizoo.checks.toys import has_rules, prediction, shaken, size_for, training
from nucleizoo.contracts import Decoder
from nucleizoo.core.registry import Recipe
from nucleizoo.inference.segmenter import Segmenter
from nucleizoo.kinds import TARGETS
from nucleizoo.ops.grid import Box, Grid
from nucleizoo.ops.image.geometry import Voxels
from nucleizoo.ops.labels.rules import Maps

LEVEL = 1 / 255
"""Maps by blocks are stored with 256 values."""

DECODED: dict[int, tuple[int, ...]] = {2: (40, 50), 3: (12, 24, 26)}
BLOCK: dict[int, tuple[int, ...]] = {2: (16, 20), 3: (6, 13, 9)}
"""Sizes of maps and of their blocks, by dimensions."""


def predicts_alike_by_blocks(steps: Steps) -> None:
    """It predicts by blocks what it predicts in memory."""
    method = steps.method()
    if not method.segments:
        raise NotApplicableError("it only translates")
    if not method.windowed:
        raise NotApplicableError("it sees whole pictures ('windowed' is False)")
    shaken(method)
    window = size_for(method)
    shape = (*window[:-2], *(n + n // 4 for n in window[-2:]))
    config = training(steps.recipe, 1, *prediction(method), "INFERENCE.WINDOW", str(list(window)))
    segmenter = Segmenter(method, config, torch.float32)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "picture.tif")
        picture = np.random.default_rng(0).integers(0, 65535, shape, np.uint16)
        tifffile.imwrite(file, picture, metadata={"axes": "ZYX"[-len(shape) :]})
        (scan,) = segmenter.read(file)
        whole = segmenter.rounded(segmenter.maps(scan.image))
        volume = VolumeInput(file, segmenter.reader)
        pipeline = Pipeline(segmenter, volume, Path(folder, "blocks"), default_limit())
        half = tuple(-(-n // 2) for n in shape)
        pipeline.begin(Plan(half, (2,) * len(shape), half, 0.0))
        for _ in run_steps(pipeline.prediction):
            pass
        blocks = pipeline.network_maps.store.read(tuple(slice(0, n) for n in shape))
    for name, one in zip(segmenter.target.names, whole, strict=True):
        apart = np.abs(blocks[name] - one)
        expect(
            apart.max() <= 1.5 * LEVEL,
            f"the map '{name}' differs by up to {apart.max():.3g}; what forward gives for a window must "
            "depend on that window and the weights alone",
        )


def decodes_alike_by_blocks(recipe: Recipe, dims: int) -> None:
    """It decodes by blocks what it decodes in memory."""
    decoder: Decoder = recipe()
    if not has_rules(type(decoder)):
        raise NotApplicableError("it has no rules, and decodes in memory only")
    maps = some_maps(decoder, DECODED[dims])
    whole = decoder(maps)
    remedy = (
        "foreground, seeds and height of its rules must see no further than 'reach' voxels, and only maps"
    )
    try:
        found = _by_blocks(decoder, maps, Grid(DECODED[dims], BLOCK[dims]))
    except ValueError as error:  # of faces that do not fit
        raise PromiseError(f"blocks disagree where they meet ({error}): {remedy}") from error
    apart = float((found != whole).mean())
    expect(not apart, f"labels differ at {apart:.0%} of the voxels: {remedy}")


def _by_blocks(decoder: Decoder, maps: Maps, grid: Grid) -> NDArray[np.int32]:
    """Labels that are decoded block by block."""
    found, dims = np.zeros(grid.shape, np.int32), len(grid.shape)
    with tempfile.TemporaryDirectory() as folder:
        rules = check_rules(decoder.rules(Voxels(dims)))
        decoding = Decoding(rules, partial(_part, maps), grid, Path(folder), (2,) * dims)
        for _ in run_steps(decoding.steps):
            pass
        labels = decoding.labels()
        for index in range(len(grid)):
            found[grid.box(index)] = labels.read(grid.box(index))
    return found


def some_maps(decoder: Decoder, shape: tuple[int, ...]) -> Maps:
    """Smooth random maps for what a decoder reads, in the ranges that a target gives them."""
    rng = np.random.default_rng(0)
    channels = {one.name: one for name in TARGETS.names() for one in TARGETS.recipe(name)().channels}
    maps = {}
    for name in sorted(decoder.reads):
        rough = ndimage.gaussian_filter(rng.standard_normal(shape), 1.2)
        rank = np.argsort(np.argsort(rough, axis=None)).reshape(shape) / rough.size
        maps[name] = channels[name].from_bytes(np.asarray(rank * 255, np.uint8))
    return maps


def _part(maps: Maps, box: Box) -> dict[str, NDArray[np.float32]]:
    return {name: one[box] for name, one in maps.items()}
