"""CySGAN as its published classes compute it, on weights that go through the importer."""

import pytest
import torch
from support import closed_form as known
from support import published_checkpoints
from support.steps import check_gradients, losses_and_gradients

from nucleizoo import DECODERS, IMPORTERS, TARGETS, api
from nucleizoo.core.plugins import load_plugins
from nucleizoo.runs import Run

load_plugins()
PUBLISHED = published_checkpoints.values("cysgan")
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}


@pytest.fixture(scope="module")
def imported(tmp_path_factory):
    """A run of the published weights, whose critic of maps is trained too, as in the code since 2025."""
    folder = tmp_path_factory.mktemp("cysgan")
    torch.save(published_checkpoints.cysgan(), folder / "checkpoint_000003.pth.tar")
    pairs = ["METHOD.LEGACY_CRITIC", "False"]
    file = folder / "checkpoint_000003.pth.tar"
    return api.import_checkpoint("cysgan", file, folder / "run", overrides=pairs).path


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_networks_give_what_the_published_ones_give(imported, dtype):
    method = Run.open_finished(imported).method().to(dtype)
    image, maps = (known.picture(n, (1, c, 5, 33, 33)).to(dtype) for n, c in (("image", 1), ("maps", 3)))
    with torch.no_grad():
        made = {
            "Gb": method.translators["source"](image),
            "Dx": method.critics["source"](image),
            "Ds": method.map_critic(maps),
        }
    for name, wanted in PUBLISHED["forward"].items():
        found = known.fingerprint(made[name])
        assert found == pytest.approx(wanted, rel=0, abs=TOLERANCE[dtype] * wanted[0]), name


def test_a_step_has_the_losses_and_gradients_of_the_published_one(imported, monkeypatch):
    monkeypatch.setattr(torch, "rand", lambda *_: torch.zeros(()))  # the critic of maps sees the image's
    method = Run.open_finished(imported).method().double()
    shape = (2, 1, 4, 32, 32)
    batch = {"maps": torch.cat([
        known.ones_at("binary", shape, 0.25), known.ones_at("contour", shape, 0.125),
        known.picture("distance", shape),
    ], dim=1)}  # fmt: skip
    names = {"source": "imageX", "source_clean": "reconX", "image": "imageY", "image_clean": "reconY"}
    batch |= {ours: known.picture(theirs, shape) for ours, theirs in names.items()}
    losses, gradients = losses_and_gradients(method, batch)
    assert losses == pytest.approx(PUBLISHED["losses"], rel=1e-10)
    published = {f"{network}.state_dict": every for network, every in PUBLISHED["gradients"].items()}
    check_gradients(gradients, published, IMPORTERS.get("cysgan").modules)


def test_targets_are_the_published_ones():
    """But for the 1e-6 that the code adds to the largest distance of a nucleus before it divides by it."""
    maps = TARGETS.recipe("bcd", depth_ratio=2)().encode(known.balls((8, 40, 40))[0])
    for made, wanted in zip(maps, PUBLISHED["targets"], strict=True):
        assert known.fingerprint(made) == pytest.approx(wanted, rel=0, abs=1e-5 * wanted[0])


def test_the_decoder_finds_the_published_nuclei_to_the_voxel():
    target = TARGETS.recipe("bcd")()
    decoder = DECODERS.recipe(
        "bcd", seed_contour=0.2, foreground=0.7, foreground_distance=-0.1, min_size=60, min_seed=8
    )()
    stored = zip(target.channels, known.noisy_maps((16, 48, 48)), strict=True)
    labels = decoder({channel.name: channel.from_bytes(one) for channel, one in stored})
    assert known.in_raster_order(labels) == PUBLISHED["decoded"]
