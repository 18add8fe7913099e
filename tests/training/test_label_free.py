"""Scores without labels, of segmenters whose answer is known by construction."""

from types import SimpleNamespace

import numpy as np
import pytest
from scipy import ndimage

from nucleizoo import api
from nucleizoo.contracts import Dataset, Sample
from nucleizoo.inference.segmenter import Segmentation
from nucleizoo.ops.synthesis.ellipsoids import place
from nucleizoo.training.label_free import LabelFree

BRIGHT, DARK = 0.8, -0.8


class Nuclei(Dataset):
    """Bright nuclei on a dark ground, of one size."""

    gives = frozenset({"image", "labels"})

    def __init__(self, axis=6.0):
        self.axis = axis

    def sample(self, rng, size):
        labels = place(rng, size, semi_axis=(self.axis,) * 2, eccentricity=(0, 0), count=(6, 6), gap=2)
        return Sample(np.where(labels > 0, BRIGHT, DARK)[None].astype(np.float32), labels)


class Threshold:
    """Finds what is brighter than a level, and translates by a function of the image."""

    def __init__(self, level=0.0, back=lambda image: image, translates=True, to=lambda image: image):
        self.level, self.back, self.to = level, back, to
        able = {"to_source": self.to_source, "to_image": self.to_image} if translates else {}
        self.method = SimpleNamespace(task=SimpleNamespace(source_pictures=True), **able)

    def maps(self, image):
        return (image > self.level).astype(np.float32)

    def segment(self, scan):
        labels = ndimage.label(self.maps(scan.image)[0])[0].astype(np.int32)
        return Segmentation(labels, lambda: np.ones(labels.shape, np.float32))

    def to_source(self, image):
        return self.to(image)

    def to_image(self, source):
        return self.back(source)


def look(true_axis=6.0, report=None):
    config = api.load_config("configs/toy/adgan_2d.yaml", ["DATASET.SIZE", "[64, 64]"])
    return LabelFree(config, report, Nuclei(), Nuclei(true_axis))


def scores(segmenter, true_axis=6.0):
    return look(true_axis).scores(segmenter)


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch, request):
    monkeypatch.chdir(request.config.rootpath)


def test_a_segmenter_of_one_mind_scores_one():
    found = scores(Threshold())
    assert found["agreement"] == found["stability"] == 1 and found["sizes"] > 0.9


def test_finding_nothing_agrees_with_nothing():
    assert scores(Threshold(level=2.0)) == {
        "stability": 0, "sizes": 0, "solidity": 0, "agreement": 0, "polarity": pytest.approx(1), "offset": 0
    }  # fmt: skip


def test_a_translation_that_loses_the_nuclei_does_not_agree():
    found = scores(Threshold(back=np.zeros_like))
    assert found["agreement"] == 0 and found["stability"] == 1


def test_a_threshold_in_the_background_is_not_stable():
    assert scores(Threshold(level=DARK - 0.02))["stability"] < 0.2


def test_nuclei_of_other_sizes_than_those_of_the_source_are_told():
    assert scores(Threshold(), true_axis=9.0)["sizes"] < 0.1


def test_nuclei_with_holes_are_less_solid_than_those_of_the_source():
    """A ring of radii r and r / 2 fills three quarters of its hull."""

    class Rings(Threshold):
        def maps(self, image):
            nuclei = super().maps(image)
            depth = ndimage.distance_transform_edt(nuclei[0])
            return (nuclei * (depth < 3.5)).astype(np.float32)

    assert scores(Threshold())["solidity"] > 0.98
    assert scores(Rings())["solidity"] == pytest.approx(0.75, abs=0.06)


def test_a_method_that_only_segments_has_no_agreement():
    assert "agreement" not in scores(Threshold(translates=False))


def test_swapped_nuclei_and_background_have_a_negative_polarity_and_agree_all_the_same():
    found = scores(Threshold(to=np.negative, back=np.negative))
    assert found["agreement"] == 1 and found["polarity"] == pytest.approx(-1)


class Displaced(Threshold):
    """Finds everything beside where it is, and translates alike, there and back."""

    def __init__(self, by, **settings):
        super().__init__(
            to=lambda image: np.roll(image, by, (1, 2)),
            back=lambda image: np.roll(image, [-one for one in by], (1, 2)),
            **settings,
        )

    def maps(self, image):
        return super().maps(self.to(image))


@pytest.mark.parametrize(("by", "length"), [((0, 0), 0), ((3, -4), 5), ((-6, 8), 10)])
def test_nuclei_found_beside_the_images_are_told_by_how_far_and_agree_all_the_same(by, length):
    found = scores(Displaced(by))
    assert found["offset"] == pytest.approx(length)
    assert found["agreement"] > 0.9 and found["stability"] == 1


def test_dark_nuclei_are_not_beside_themselves():
    assert scores(Threshold(level=-2.0, back=np.negative))["offset"] == 0
    below = Threshold()
    below.maps = lambda image: (image < 0).astype(np.float32)
    assert scores(below)["offset"] == 0


def test_a_training_that_displaces_is_warned_of(monkeypatch, caplog):
    report = SimpleNamespace(scalars=lambda *_: None)
    scored, method = [], SimpleNamespace(offset_advice="turn it off")
    trainer = SimpleNamespace(
        iteration=7, method=method, precision=None, scored=lambda group, _: scored.append(group)
    )
    for by, warned in (((0, 0), False), ((3, -4), True)):
        caplog.clear()
        monkeypatch.setattr("nucleizoo.training.norm_statistics.Segmenter", lambda *_, by=by: Displaced(by))
        look(report=report)(trainer)
        assert ("5 voxels" in caplog.text) == ("turn it off" in caplog.text) == warned
    assert scored == ["unlabelled", "unlabelled"]
