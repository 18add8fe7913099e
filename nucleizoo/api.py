"""The functions for tools and notebooks: load_config, train, predict and so on."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from types import MappingProxyType
from typing import Any

from yacs.config import CfgNode

from nucleizoo import blockwise, comparison, io, published
from nucleizoo.checks import check
from nucleizoo.comparison import Comparison, find_pairs, scoring
from nucleizoo.core.errors import ForeignFileError, ImageReadError, UserError
from nucleizoo.core.files import is_too_long
from nucleizoo.core.format import first_line
from nucleizoo.core.plugins import located
from nucleizoo.experiments import trials
from nucleizoo.experiments.grid import open_grid
from nucleizoo.experiments.pipeline import load_config, load_pipeline
from nucleizoo.inference import writers
from nucleizoo.inference.segmenters import Segmenters
from nucleizoo.io.join_planes import join_planes as joined
from nucleizoo.metrics import files, folders
from nucleizoo.metrics.protocol import PLAIN, Scoring
from nucleizoo.ops.nn.device import pick_device
from nucleizoo.ops.out_of_memory import is_out_of_memory
from nucleizoo.ops.synthesis.nucleus_size import Sizes
from nucleizoo.runs import Run, imported
from nucleizoo.training import autoconfig, export_samples
from nucleizoo.training.session import train

log = logging.getLogger(__name__)

_LONGEST_ENDING = "_0000_overlay.png"
"""What a result adds at most to the name of its picture."""

_TOO_LARGE = (
    'it needs more memory than there is; set a smaller INFERENCE.WINDOW, such as "[256, 256]", or predict it '
    "by blocks, with --blocks and --max-memory"
)

__all__ = [
    "arrange_data", "check", "check_data", "compare", "estimate", "evaluate", "fetch_data", "find_pairs",
    "import_checkpoint", "join_planes", "load_config", "load_pipeline", "open_grid", "predict", "sample",
    "scoring", "train", "train_seeds",
]  # fmt: skip

arrange_data, check_data = published.arrange, published.check
import_checkpoint = imported.import_checkpoint


def predict(
    run: str | Path | None,
    inputs: Iterable[str | Path],
    output: str | Path,
    *,
    model: str = "nuclei",
    diameter: float = 0.0,
    to: str = "labels",
    overlay: bool = False,
    table: bool = False,
    blocks: bool = False,
    options: blockwise.Options | None = None,
    dask: str | None = None,
    plugins: Sequence[str] = (),
    overrides: Sequence[str] = (),
) -> Iterator[writers.Prediction]:
    """Segment files; yields after each file, so that a caller can show progress.

    A file that cannot be used, or whose result would replace what nucleizoo did not write or somebody
    changed, is left out, and raised when all others are done. Table and overlay of older labels of a file
    are removed.

    Args:
        run: the folder of a training; None takes a model that ships with nucleizoo.
        inputs: files, folders or patterns; labels and results beside their pictures are left out. For
            'image', label files.
        output: folder to write to, made if missing.
        model: its name; of a family such as 'nuclei', the one for images or for volumes as a file needs.
        diameter: of the nuclei in the files, in pixels, for such a model; 0 finds it in every file.
        to: what to write: 'labels' (`<stem>_label.tif`, uint16 or uint32, the picture's own shape),
            'maps' (`<stem>_maps.tif`, float32, several maps as channels before y and x), 'source'
            (the picture as it looks in the source domain), or 'image' (the inputs are label files;
            pictures that look like the images trained on).
        overlay: also write `<stem>_overlay.png` with every nucleus outlined, for 'labels'.
        table: also write `<stem>_nuclei.csv`, a row per nucleus: size, centre, confidence; for 'labels'.
        blocks: predict by blocks, with bounded memory; Zarr folders always are.
        options: of prediction by blocks.
        dask: predict by blocks on a cluster of dask.distributed: 'local', a number of processes on this
            machine, or 'tcp://HOST:PORT' of a scheduler whose workers see the same files. The labels are
            the same as from one process.
        plugins: plugin files that the run needs.
        overrides: KEY VALUE pairs for INFERENCE (thresholds, windows), DATASET.IMAGE (how files are
            read) and SYSTEM.

    Raises:
        ImageReadError: in the end, naming every file that could not be used, and why.
        UserError: for a run, input or output that cannot be used.
    """
    if to not in writers.WRITERS:
        raise UserError(f"`to` must be one of {', '.join(writers.WRITERS)}; got '{to}'")
    if (overlay or table) and to != "labels":
        raise UserError(f"overlays and tables are made of labels, not of {to}; omit --overlay and --table")
    write = writers.WRITERS[to]
    if to == "labels":
        write = partial(writers.write_labels, table=table, overlay=overlay)
    options = options or blockwise.Options()
    if options.format not in blockwise.FORMATS:
        raise UserError(f"`format` must be one of {', '.join(blockwise.FORMATS)}; got '{options.format}'")
    if diameter:
        overrides = [*overrides, "INFERENCE.DIAMETER", str(diameter)]
    segmenters = Segmenters(run, model, plugins, overrides)
    paths = io.find_distinct(inputs)
    if to == "image":
        paths = [*io.named(file for one in inputs for file in io.label_files(one).values()).values()]
    by_blocks = {path for path in paths if blocks or dask is not None or io.is_zarr(path)}
    if by_blocks and (overlay or to != "labels"):
        raise UserError(
            f"{min(by_blocks)}: is predicted by blocks, which writes only labels and tables; leave out "
            f"{'--overlay' if overlay else f'--to {to}'}"
        )
    folder = writers.make_folder(output, paths)

    def spec(run: Path) -> blockwise.RunSpec:
        return blockwise.RunSpec(str(run.resolve()), tuple(map(located, plugins)), tuple(overrides))

    def predicted(
        path: Path, workers: blockwise.Cluster | None, options: blockwise.Options
    ) -> writers.Prediction:
        if is_too_long(folder / f"{io.name_of(path)}{_LONGEST_ENDING}"):
            raise ImageReadError(
                f"{path}: its name is too long for the names of its results, which are up to "
                f"{len(_LONGEST_ENDING)} letters longer; rename it"
            )
        found, segmenter = segmenters.of(path)
        if path in by_blocks:
            return blockwise.predict_volume(
                segmenter, path, folder, options, workers, table=table, run=spec(found)
            )
        if io.is_large(path):
            log.info("%s is large; with --blocks, memory is bounded and prediction can be resumed", path)
        return write(segmenter, path, folder)

    refused = list[str]()
    with _workers(dask, segmenters, paths[0], spec) as workers:
        if workers is not None and workers.is_local:
            options = options.shared(len(workers))
        for path in paths:
            try:
                done = predicted(path, workers, options)
            except (ImageReadError, ForeignFileError) as error:
                refused.append(str(error))
                continue
            except (MemoryError, RuntimeError, OSError) as error:
                if not is_out_of_memory(error):
                    raise
                refused.append(f"{path}: {_TOO_LARGE} ({first_line(error)})")
                continue
            yield done
    if refused:
        told = f"{len(refused)} of {len(paths)} files could not be used:\n" if len(paths) > 1 else ""
        raise ImageReadError(told + "\n".join(refused))


def join_planes(
    planes: Iterable[str | Path], output: str | Path, spacing: Sequence[float] = (), *, gaps: bool = False
) -> Iterator[tuple[int, int]]:
    """Join planes in separate files into one HDF5 volume, which can be read part by part.

    Args:
        planes: files, folders or patterns; the files of each are in natural order, 2 before 10.
        output: the file, such as 'brain.h5'.
        spacing: voxel size in micrometres, z, y, x; () when unknown.
        gaps: whether the numbers in the names of planes may have gaps.

    Yields:
        The number of parts written so far, and of all parts.

    Raises:
        UserError: for planes that differ in shape or type or have gaps, or an output that is not HDF5.
    """
    if not all(0 < edge < float("inf") for edge in spacing):
        raise UserError(f"SPACING must be above 0 (micrometres), got {', '.join(map(str, spacing))}")
    found = [file for one in planes for file in io.find(one) if file.resolve() != Path(output).resolve()]
    if not found:
        raise UserError("there is no plane to join; check the paths")
    yield from joined(found, Path(output), tuple(spacing), gaps=gaps)


def evaluate(
    predictions: str | Path,
    truths: str | Path,
    json_file: str | Path | None = None,
    *,
    output: str | Path | None = None,
    images: str | Path | None = None,
    border: int | None = None,
    planes: bool = False,
    markers: str | Path | None = None,
    dataset: str = "",
    components: bool = False,
    protocol: str = "",
    empty_chunks: bool = False,
) -> dict[str, Any]:
    """Compare label files of two folders, paired by name.

    `a_label.tif` and `a.png` are both called `a`.

    Args:
        predictions: folder of label files.
        truths: folder of label files.
        json_file: where to write the result as well.
        output: folder for `metrics.json`, `images.csv` and a drawing of the errors per image.
        images: folder of the pictures to draw on, named like the truths.
        border: pixels within which the Cell Tracking Challenge ignores nuclei; 25 for HeLa. None is 0, or
            that of the protocol.
        planes: treat every plane of a stack as a picture of its own.
        markers: folder of label files with a dot in each nucleus, for DET, named like the truths.
        dataset: of labels in HDF5 files and Zarr groups that have several; '' takes 'label'.
        components: treat a file with one label as a mask, whose connected parts are nuclei.
        protocol: how a paper or challenge scores, such as 'ctc'; see `scoring`.
        empty_chunks: treat chunks of HDF5 and Zarr that were never written, and lacking planes, as empty.

    Returns:
        See `metrics.folders.compare`; with a protocol also 'protocol', what was applied in words.

    Raises:
        UserError: when no pair is found or none can be compared, or a result could not be written.
    """
    draw, how = None, scoring(protocol, truths, border=border, markers=markers)
    if json_file is not None:
        files.prepare(json_file, "json")
    if output is not None:
        files.prepare(Path(output) / "metrics.json", "json")
        files.prepare(Path(output) / "images.csv", "csv", files.PER_IMAGE)
        draw = files.draw_into(output, images)
    result = folders.compare(
        predictions, truths, border=how.border, planes=planes, markers=how.markers,
        dataset=dataset, components=components, resolution=how.protocol.resolution, holds=how.holds,
        empty_chunks=empty_chunks, draw=draw,
    )  # fmt: skip
    if protocol:
        result["protocol"] = str(how)
    texts = dict[Path, str]()
    if json_file is not None:
        texts[Path(json_file)] = files.json_text(result)
    if output is not None:
        texts[Path(output) / "metrics.json"] = files.json_text(result)
        texts[Path(output) / "images.csv"] = files.images_text(result["images"])
    io.write_results(texts)
    return result


def train_seeds(configs: Mapping[str, CfgNode], seeds: int, folder: str | Path = "runs") -> Iterator[Run]:
    """Train configurations with several seeds each, into `<folder>/<name>_seed<N>`.

    Finished runs are not trained again, others are resumed.

    Args:
        configs: from `load_config`, by the names of their models.
        seeds: how many, from SYSTEM.SEED on.
        folder: where run folders are created.

    Yields:
        The runs; an unfinished one was stopped, and is the last.

    Raises:
        UserError: as `train`, and for a configuration that finds no nuclei.
    """
    runs = Path(folder)
    yield from trials.train(trials.plan(configs, seeds), lambda one: runs / f"{one.variant}_seed{one.seed}")


def compare(
    runs: Sequence[str | Path],
    pairs: Sequence[comparison.Pair],
    output: str | Path,
    *,
    labels: Mapping[str, str | Path] = MappingProxyType({}),
    floor: bool = True,
    dataset: str = "",
    scoring: Scoring = PLAIN,
    label_dataset: str = "",
    components: bool = False,
    plugins: Sequence[str] = (),
    overrides: Sequence[str] = (),
) -> Comparison:
    """Compare trained runs, and labels of other programs, on annotated pictures: report.html, .csv and .md.

    Args:
        runs: finished run folders; those that differ only in SYSTEM.SEED are one model. May be empty where
            there are `labels`.
        pairs: pictures with their truth, from `find_pairs`.
        output: folder to write to, made if missing.
        labels: folders of label files of any program, named like the pictures, by the names of their rows.
        floor: also show the methods that learn nothing and take seconds, which every other should beat.
        dataset: name of the data set, such as 'Fluo-N2DL-HeLa', to show published scores.
        scoring: border, markers and protocol, from the function of this name.
        label_dataset: of the truth in HDF5 files and Zarr groups that have several; '' takes 'label'.
        components: treat a truth with one label as a mask, whose connected parts are nuclei.
        plugins: plugin files that the runs need.
        overrides: KEY VALUE pairs, as for `predict`, for all runs.

    Raises:
        UserError: for runs or pairs that cannot be compared.
    """
    opened = [comparison.open_run(run, plugins, overrides) for run in runs]
    return comparison.compare(
        opened, pairs, output, labels=labels, floor=floor,
        dataset=dataset or scoring.dataset, scoring=scoring,
        label_dataset=label_dataset, components=components,
    )  # fmt: skip


def sample(
    config: CfgNode,
    output: str | Path,
    *,
    domain: str = "source",
    count: int = 8,
    size: Sequence[int] = (),
    augment: bool = False,
) -> Iterator[export_samples.Written]:
    """Write training crops to files; yields after each crop, so that a caller can show progress.

    Args:
        config: from `load_config`.
        output: folder for `images/0000.tif` and so on (float32 in [0, 1], to be read with the scaling
            'dtype'), `labels/0000.tif` where there are labels, and `panel.png` with the first crops.
        domain: 'source', the labelled domain (of a dataset of labels alone, the target's maps seen as a
            picture), or 'image', the images to be segmented.
        count: number of crops.
        size: of the crops, in pixels; () is DATASET.SIZE.
        augment: vary the crops as training does.

    Raises:
        UserError: for a dataset that cannot be opened, or a folder that already holds samples.
    """
    axes = len(config.DATASET.SIZE)
    if domain not in export_samples.DOMAINS:
        raise UserError(f"samples are drawn from {' or '.join(export_samples.DOMAINS)}, not from '{domain}'")
    if count < 1:
        raise UserError(f"COUNT must be 1 or more, got {count}")
    if size and (len(size) != axes or min(size) < 1):
        raise UserError(f"SIZE must be {axes} pixel counts, like DATASET.SIZE, got {list(size)}")
    yield from export_samples.write(
        config, Path(output), domain=domain, count=count,
        size=tuple(size) or config.DATASET.SIZE, augment=augment,
    )  # fmt: skip


def _workers(
    dask: str | None, segmenters: Segmenters, path: Path, spec: Callable[[Path], blockwise.RunSpec]
) -> AbstractContextManager[blockwise.Cluster | None]:
    """The workers of dask, if it is asked for; they open the run of a file."""
    if dask is None:
        return nullcontext()
    run, segmenter = segmenters.of(path)
    return blockwise.cluster(dask, spec(run), pick_device(segmenter.config.SYSTEM.DEVICE))


def estimate(
    inputs: Sequence[str | Path],
    picture: str | Path | None = None,
    *,
    channel: str = "auto",
    dataset: str = "",
) -> Sizes:
    """Measure nuclei on images without labels, as settings for synthetic masks.

    Volumes are resampled to cubic voxels as wide as a pixel, where the voxel size is known.

    Args:
        inputs: files and folders; at most 24 images are measured.
        picture: PNG file to draw the first image into, with the nuclei that were measured.
        channel: 'auto', 'luminance' or an index such as '1': what DATASET.IMAGE.CHANNEL is for `predict`.
        dataset: of HDF5 files and Zarr groups, where they hold several.

    Raises:
        UserError: when there is no image, no nucleus is found, planes and volumes are mixed, or a file has
            several channels or datasets and none is named.
    """
    return autoconfig.measure(io.find_distinct(inputs), picture, channel=channel, dataset=dataset)


def fetch_data(name: str, to: str | Path, from_dir: str | Path | None = None) -> published.Fetched:
    """Download a data set of the table by its name, and unpack it; see `published.fetch`.

    Raises:
        UserError: for an unknown name, and as `published.fetch`.
    """
    return published.fetch(published.named(name), to, from_dir)
