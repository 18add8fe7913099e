import pickle

import numpy as np
import pytest
import torch
from torch import nn

from nucleizoo import build
from nucleizoo.api import load_config
from nucleizoo.contracts import DataSpec, Group, Method
from nucleizoo.core.errors import ConfigError, RunError, UserError
from nucleizoo.core.plugins import load_plugins
from nucleizoo.kinds import DATASETS, METHODS
from nucleizoo.runs import Run, weights_of

load_plugins()
SIMULATED = "{NAME: simulated_em, SEMI_AXIS: [3, 5], COUNT: [3, 6]}"
MASKS = "{NAME: synthetic, SEMI_AXIS: [3, 5], COUNT: [3, 6]}"


class Negative(Method):
    """Its translation is the negative of the source picture, once it is trained to -1."""

    divisor = 4

    def __init__(self, task):
        super().__init__(task)
        self.factor = nn.Parameter(torch.rand(1))

    def groups(self):
        return {"only": Group((self.factor,))}

    def to_image(self, source):
        assert not self.training and not torch.is_grad_enabled()
        assert source.shape[:2] == (1, 1) and all(n % 4 == 0 for n in source.shape[2:])
        return self.factor * source

    def to_source(self, image):
        return self.factor * image


class Mute(Method):
    """Translates nothing."""

    def __init__(self, task):
        super().__init__(task)
        self.factor = nn.Parameter(torch.rand(1))

    def groups(self):
        return {"only": Group((self.factor,))}


@pytest.fixture(autouse=True)
def toys(monkeypatch):
    for name, method in (("negative", Negative), ("mute", Mute)):
        monkeypatch.setitem(METHODS._entries, name, method)


def trained(path, *pairs, source=SIMULATED, method="negative", iteration=2, factor=-1.0):
    """The folder of a run, as a training would leave it."""
    file = path.parent / "toy.yaml"
    file.write_text(
        f"DATASET: {{SIZE: [24, 24], SOURCE: {source}}}\nMETHOD: {{NAME: {method}}}\n"
        "SOLVER: {TOTAL: 2}\nSYSTEM: {DEVICE: cpu}\n"
    )
    run = Run(path, load_config(file, pairs)).create()
    made = build.method(run.config)
    nn.init.constant_(made.factor, factor)
    if iteration is not None:
        run.save({"iteration": iteration}, weights_of(made))
    return run


def translated(path, dims=2, channels=1, spacing=(), **settings):
    settings = {"count": 3, **settings}
    return DATASETS.get("translated")(DataSpec(dims, channels, spacing=spacing), run=str(path), **settings)


@pytest.mark.parametrize(
    ("source", "size"), [(SIMULATED, (24, 24)), (MASKS, (24, 24)), (SIMULATED, (30, 41))]
)
def test_pictures_of_the_runs_source_are_translated_and_keep_their_labels(tmp_path, source, size):
    run = trained(tmp_path / "run", source=source)
    made = translated(tmp_path / "run", patch=() if size == (24, 24) else size)
    assert made.gives == {"image", "labels"} and len(made.scans) == 3
    plain, seen = build.source_dataset(run.config), set()
    for i, scan in enumerate(made.scans):
        sample = plain.sample(np.random.default_rng((run.config.SYSTEM.SEED, i, 4)), size)
        picture = sample.image
        if picture is None:  # a mask seen as a picture: -1 outside, 1 inside
            picture = 2 * (sample.labels > 0)[None].astype(np.float32) - 1
        np.testing.assert_array_equal(scan.labels, sample.labels)
        np.testing.assert_array_equal(scan.image, -picture)
        seen.add(scan.image.tobytes())
    assert len(seen) == 3


def test_samples_are_crops_of_them_the_same_every_time(tmp_path):
    trained(tmp_path / "run", source=MASKS)
    one, two = (translated(tmp_path / "run", patch=(40, 40)) for _ in range(2))
    for size in ((16, 16), (40, 30), (60, 60)):
        a, b = (source.sample(np.random.default_rng(2), size) for source in (one, two))
        assert a.image.shape == (1, *size) and a.labels.shape == size and a.labels.dtype == np.int32
        np.testing.assert_array_equal(a.image, b.image)
        # the negative of a mask: where the picture is black there is a nucleus
        np.testing.assert_array_equal(a.image[0] == -1, a.labels > 0)


def test_volumes_are_translated_too(tmp_path):
    trained(tmp_path / "run", "DATASET.SIZE", "[8, 24, 24]", "DATASET.SPACING", "[2.0, 1.0, 1.0]")
    sample = translated(tmp_path / "run", 3, spacing=(2.0, 1.0, 1.0)).sample(
        np.random.default_rng(0), (6, 20, 20)
    )
    assert sample.image.shape == (1, 6, 20, 20) and sample.spacing == (2.0, 1.0, 1.0)


VOLUMES = "{NAME: synthetic, SEMI_AXIS: [3, 5], COUNT: [3, 6], PATCH: [10, 24, 24]}"


def test_a_run_in_2d_translates_volumes_plane_by_plane(tmp_path):
    source = f"{{NAME: planes, DEPTH: 10, SOURCE: {VOLUMES}}}"
    trained(tmp_path / "run", "DATASET.SPACING", "[1.0, 1.0]", source=source)
    made = translated(tmp_path / "run", 3, spacing=(2.0, 1.0, 1.0), patch=(9, 20, 22))
    plain = DATASETS.recipe("synthetic", semi_axis=(3, 5), count=(3, 6), patch=(10, 24, 24))(
        DataSpec(3, spacing=(2.0, 1.0, 1.0))
    )
    for i, scan in enumerate(made.scans):
        labels = plain.sample(np.random.default_rng((10, i, 4)), (9, 20, 22)).labels
        np.testing.assert_array_equal(scan.labels, labels)
        # Negative asserts that it is given (1, 1, *S): here (1, 1, Y, X)
        np.testing.assert_array_equal(scan.image, 1 - 2 * (labels > 0)[None].astype(np.float32))
    assert made.scans[0].spacing == (2.0, 1.0, 1.0)


def test_pictures_are_translated_plane_by_plane_too(tmp_path):
    trained(tmp_path / "run")
    scan = translated(tmp_path / "run", 3, patch=(5, 20, 24), count=1).scans[0]
    source = DATASETS.recipe("simulated_em", semi_axis=(3, 5), count=(3, 6))(DataSpec(3))
    sample = source.sample(np.random.default_rng((10, 0, 4)), (5, 20, 24))
    np.testing.assert_array_equal(scan.image, -sample.image)


def test_a_run_in_2d_without_volumes_is_refused(tmp_path):
    trained(tmp_path / "run", source=SIMULATED.replace("}", ", PATCH: [24, 24]}"))
    with pytest.raises(ConfigError, match=r"run was trained in 2D.*PATCH must be 3 sizes.*'planes'"):
        translated(tmp_path / "run", 3, patch=(8, 24, 24))
    with pytest.raises(ValueError, match=r"PATCH is missing.*2D.*\(z, y, x\)"):
        translated(tmp_path / "run", 3)
    with pytest.raises(ConfigError, match=r"SPACING \(\), but here it is \(1\.0, 1\.0\)"):
        translated(tmp_path / "run", 3, spacing=(2.0, 1.0, 1.0), patch=(8, 24, 24))


def test_the_random_numbers_of_the_training_to_come_stay_as_they_are(tmp_path):
    trained(tmp_path / "run")
    torch.manual_seed(5)
    state = torch.get_rng_state()
    translated(tmp_path / "run")
    assert torch.equal(torch.get_rng_state(), state) and torch.initial_seed() == 5


def test_translations_travel_to_another_process(tmp_path):
    trained(tmp_path / "run")
    source = translated(tmp_path / "run")
    other = pickle.loads(pickle.dumps(source))
    a, b = (one.sample(np.random.default_rng(1), (9, 9)).image for one in (source, other))
    np.testing.assert_array_equal(a, b)


# --- what cannot be used


def test_a_missing_run_and_a_folder_that_is_none_are_named(tmp_path):
    with pytest.raises(RunError, match=r"'translated' .*nowhere\b.*\bRUN\b"):
        translated(tmp_path / "nowhere")
    with pytest.raises(RunError, match=rf"{tmp_path.name} .*config\.yaml"):
        translated(tmp_path)
    with pytest.raises(ValueError, match="RUN is missing"):
        DATASETS.get("translated")(DataSpec(2))


@pytest.mark.parametrize(("iteration", "done"), [(1, 1), (None, 0)])
def test_an_unfinished_run_says_how_far_it_is_and_how_to_go_on(tmp_path, iteration, done):
    trained(tmp_path / "run", iteration=iteration)
    with pytest.raises(RunError, match=rf"run .*\b{done} of 2 iterations.*--resume"):
        translated(tmp_path / "run")


def test_a_run_that_does_not_translate_or_has_no_labels_is_refused(tmp_path):
    trained(tmp_path / "mute", method="mute")
    with pytest.raises(RunError, match=r"mute: .*'mute' .*translate"):
        translated(tmp_path / "mute")
    trained(tmp_path / "bare", source="{NAME: images}")
    with pytest.raises(RunError, match=r"bare .* labels.*'images'"):
        translated(tmp_path / "bare")


def test_a_plugin_that_the_run_needs_is_named_with_a_key(tmp_path):
    plugin = tmp_path / "nothing.py"
    plugin.write_text("")
    trained(tmp_path / "run", "SYSTEM.PLUGINS", f"[{plugin}]")
    with pytest.raises(ConfigError, match=r"key PLUGINS.*nothing\.py"):
        translated(tmp_path / "run")
    assert len(translated(tmp_path / "run", plugins=(str(plugin),)).scans) == 3


def test_weights_that_give_no_numbers_are_told(tmp_path):
    trained(tmp_path / "run", factor=float("nan"))
    with pytest.raises(RunError, match="not finite"):
        translated(tmp_path / "run")


def test_pictures_of_another_kind_are_refused(tmp_path):
    trained(tmp_path / "run")
    trained(tmp_path / "deep", "DATASET.SIZE", "[8, 24, 24]")
    with pytest.raises(ConfigError, match=r"DATASET\.SIZE 3\b.* 2\b"):
        translated(tmp_path / "deep")
    with pytest.raises(ConfigError, match=r"DATASET\.CHANNELS 1\b.* 3\b"):
        translated(tmp_path / "run", channels=3)
    with pytest.raises(ConfigError, match=r"DATASET\.SPACING \(\).* \(1\.0, 1\.0\)"):
        translated(tmp_path / "run", spacing=(1.0, 1.0))


def test_more_than_the_memory_allowed_is_refused_before_anything_is_translated(tmp_path):
    trained(tmp_path / "run")
    # 1000 patches of 500x500, 4 bytes of picture and 4 of labels: 2.0 GB
    with pytest.raises(UserError, match=r" 2\.0 GB\b.*CACHE_GB \(1\)"):
        translated(tmp_path / "run", count=1000, patch=(500, 500), cache_gb=1.0)


def test_a_value_out_of_range_is_named(tmp_path):
    for settings, key in (({"count": 0}, "COUNT"), ({"patch": (3,)}, "PATCH"), ({"patch": (0, 3)}, "PATCH")):
        with pytest.raises(ValueError, match=key):
            translated(tmp_path, **settings)


def test_it_is_a_source_of_a_configuration(tmp_path):
    trained(tmp_path / "run")
    file = tmp_path / "next.yaml"
    source = f"{{NAME: translated, RUN: {tmp_path}/run, COUNT: 2}}"
    file.write_text(f"DATASET: {{SIZE: [24, 24], SOURCE: {source}}}\nMETHOD: {{NAME: negative}}\n")
    config = load_config(file)
    assert build.task(config).source_pictures
    assert build.source_dataset(config).sample(np.random.default_rng(0), (24, 24)).labels.shape == (24, 24)
    with pytest.raises(ConfigError, match=r"DATASET.SOURCE 'translated': RUN is missing"):
        build.source_dataset(load_config(file, ["DATASET.SOURCE.RUN", ""]))
