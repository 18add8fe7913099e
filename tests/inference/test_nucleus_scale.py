"""The size of nuclei is found by a network that is surest of discs of 16 pixels."""

from functools import partial

import numpy as np
import pytest
import torch
from PIL import Image
from scipy import ndimage
from support.discs import discs
from support.toy_methods import TASK, Duo

from nucleizoo.api import load_config
from nucleizoo.inference.nucleus_scale import LOOKED_AT, WINDOW, Scale, central, find, middle
from nucleizoo.inference.segmenter import Segmenter
from nucleizoo.io import Volume

KNOWN = 16.0


def segment(picture):
    """What is bright is a nucleus, the surer the nearer it is to the size that is known."""
    assert all(n <= w for n, w in zip(picture.shape[1:], WINDOW[picture.ndim - 1], strict=True))
    labels, count = ndimage.label(picture[0] > 0)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    dims = labels.ndim
    widths = 2 * np.sqrt(sizes / np.pi) if dims == 2 else np.cbrt(6 * sizes / np.pi)
    sure = 0.5 + 0.5 * np.exp(-(np.log2(np.maximum(widths, 1) / KNOWN) ** 2))
    sure[0] = 0
    return labels.astype(np.int32), sure[labels].astype(np.float32)


def shown(labels):
    return np.where(labels > 0, 1, -1).astype(np.float32)[None]


@pytest.mark.parametrize("diameter", [6, 11, 16, 30, 75, 180])
def test_discs_of_any_size_are_measured(diameter):
    picture = shown(discs((600, 700), diameter, gap=diameter))
    found = find(segment, {False: picture}, KNOWN)
    assert found.diameter == pytest.approx(diameter, rel=0.08) and not found.dark


def test_balls_are_measured():
    found = find(segment, {False: shown(discs((40, 160, 160), 24, gap=10))}, KNOWN)
    assert found.diameter == pytest.approx(24, rel=0.08)


def test_a_volume_is_never_magnified_to_many_times_its_voxels_by_what_is_found():
    assert find(segment, {False: shown(discs((40, 80, 80), 5, gap=3))}, KNOWN).diameter == KNOWN / 2
    dots = np.zeros((40, 80, 80), np.int32)
    dots[4::8, 4::8, 4::8] = 1
    assert find(segment, {False: shown(dots)}, KNOWN) is None


def test_dark_nuclei_are_told_from_bright_ones():
    bright = shown(discs((300, 300), 20, gap=15))
    assert find(segment, {False: -bright, True: bright}, KNOWN).dark
    assert not find(segment, {False: bright, True: -bright}, KNOWN).dark


def test_the_best_guesses_are_compared_at_their_own_zoom():
    between, decoy = shown(discs((300, 300), 23, gap=15)), shown(discs((300, 300), 16, gap=15)) * 0.86

    def dimmed(picture):
        labels, sure = segment(picture)
        return labels, sure * picture.max()

    found = find(dimmed, {False: decoy, True: between}, KNOWN)  # at first, what has just the size is surer
    assert found.dark and found.diameter == pytest.approx(23, rel=0.08)


def test_a_known_diameter_is_kept_and_the_polarity_found():
    bright = shown(discs((300, 300), 20, gap=15))
    found = find(segment, {False: -bright, True: bright}, KNOWN, 21.0)
    assert found.dark and found.diameter == 21.0


def test_an_image_without_nuclei_has_no_scale():
    assert find(segment, {False: np.full((1, 200, 200), -1, np.float32)}, KNOWN) is None


def test_what_is_seen_only_when_it_is_magnified_is_noise():
    slope = np.tile(np.linspace(-1, 1, 256, dtype=np.float32), (1, 256, 1))

    def fooled(picture, most):
        """Sees nuclei of the size that is known, wherever pictures are magnified."""
        zoom = 2 / 255 / np.median(np.diff(picture[0, 0]))
        labels = discs(picture.shape[1:], 16, gap=8) * (zoom > most)
        return labels, np.where(labels, 0.75, 0.1).astype(np.float32)

    assert find(partial(fooled, most=3), {False: slope}, KNOWN) is None
    assert find(partial(fooled, most=0), {False: slope}, KNOWN) is not None


def test_what_the_network_is_not_sure_of_is_not_believed():
    def unsure(picture):
        labels, _ = segment(picture)
        return labels, np.where(labels, 0.6, 0.3).astype(np.float32)

    picture = {False: shown(discs((300, 300), 16, gap=16))}
    assert find(unsure, picture, KNOWN) is None
    assert find(unsure, picture, KNOWN, 16.0).diameter == 16.0  # what is told needs no belief


def test_of_a_large_file_the_middle_is_looked_at():
    data = np.zeros((3000, 2100), np.uint8)
    data[1500, 1050] = 1
    seen = central(Volume(data, "YX", (0.5, 0.5)))
    assert seen.data.shape == LOOKED_AT[2] and seen.data.any() and seen.spacing == (0.5, 0.5)
    small = Volume(np.zeros((5, 60, 70, 3)), "ZYXC")
    assert central(small).data.shape == small.data.shape


def test_the_middle_is_that_of_every_axis():
    assert middle((5000, 100)) == (slice(1476, 3524), slice(0, 100))
    assert middle((97, 512, 514)) == (slice(0, 96), slice(0, 512), slice(1, 513))


class Bright(Duo):
    """The mask is the picture."""

    def __init__(self):
        super().__init__(TASK)

    def forward(self, image):
        return (image + 1) / 2


def adaptive(*pairs):
    config = load_config("configs/toy/adgan_2d.yaml", ["INFERENCE.NOMINAL_DIAMETER", "16", *pairs])
    return Segmenter(Bright(), config, torch.float32)


@pytest.fixture
def file(tmp_path):
    labels = discs((400, 500), 40, gap=30)
    Image.fromarray(np.where(labels, 220, 30).astype(np.uint8)).save(tmp_path / "a.png")
    Image.fromarray(np.where(labels, 30, 220).astype(np.uint8)).save(tmp_path / "dark.png")
    return tmp_path / "a.png", labels


def test_a_segmenter_magnifies_nuclei_to_the_size_that_the_network_knows(file):
    path, labels = file
    adapted, volume = adaptive().opened(path)
    (scan,) = adapted.reader.prepare(volume, str(path))
    assert adapted.scale.diameter == pytest.approx(40, rel=0.08)
    assert scan.extent[0] / 400 == pytest.approx(16 / 40, rel=0.08)
    found = adapted.segment(scan).labels
    assert found.shape == labels.shape and found.max() == labels.max()


def test_dark_nuclei_are_found_where_the_network_knows_bright_ones(file):
    path, labels = file
    adapted, volume = adaptive("INFERENCE.POLARITY", "dark").opened(path.with_name("dark.png"))
    (scan,) = adapted.reader.prepare(volume, str(path))
    assert adapted.scale.dark and adapted.segment(scan).labels.max() == labels.max()


@pytest.mark.parametrize("dark", [True, False])
def test_faint_structures_are_lifted_only_where_nuclei_shine(file, dark):
    labels = np.repeat(file[1], 2, axis=1)
    shade = np.where(labels, 220, np.where(np.arange(labels.shape[1]) > 500, 40, 20)).astype(np.uint8)
    path = file[0].with_name("shade.png")
    Image.fromarray(255 - shade if dark else shade).save(path)
    told = ("INFERENCE.POLARITY", "dark" if dark else "bright", "INFERENCE.DIAMETER", "16")
    adapted, volume = adaptive(*told, "DATASET.IMAGE.SCALING.ASINH", "0.1").opened(path)
    (scan,) = adapted.reader.prepare(volume, str(path))
    faint = scan.image[0, 0, -1]
    assert faint == pytest.approx(2 * (0.1 if dark else np.arcsinh(1) / np.arcsinh(10)) - 1, abs=1e-4)


def test_a_file_whose_middle_is_flat_is_still_segmented(tmp_path):
    picture = np.zeros((2600, 2600), np.uint8)
    picture[20:80, 20:80] = 200
    Image.fromarray(picture).save(tmp_path / "corner.png")
    adapted, volume = adaptive("INFERENCE.POLARITY", "bright").opened(tmp_path / "corner.png")
    (scan,) = adapted.reader.prepare(volume, "corner.png")
    assert adapted.scale.diameter == KNOWN and adapted.segment(scan).labels.max() == 1


def test_what_is_set_is_not_measured(file):
    told = adaptive("INFERENCE.DIAMETER", "30", "INFERENCE.POLARITY", "bright").opened(file[0])[0]
    assert told.scale == Scale(30.0, False, 0.0)
    zoomed = adaptive("DATASET.IMAGE.ZOOM", "[0.5]")
    assert zoomed.opened(file[0])[0] is zoomed
    plain = Segmenter(Bright(), load_config("configs/toy/adgan_2d.yaml"), torch.float32)
    assert plain.opened(file[0])[0] is plain
