"""AD-GAN as its published classes compute it, on weights that go through the importer."""

import pytest
import torch
from support import closed_form as known
from support import published_checkpoints
from support.steps import check_gradients, losses_and_gradients

from nucleizoo import IMPORTERS, api
from nucleizoo.core.plugins import load_plugins
from nucleizoo.runs import Run

load_plugins()
PUBLISHED = published_checkpoints.values("adgan")
TOLERANCE = {torch.float32: 1e-5, torch.float64: 1e-10}


@pytest.fixture(scope="module", params=["2D", "3D"])
def imported(request, tmp_path_factory):
    """Published numbers, and the run of the same weights."""
    folder = tmp_path_factory.mktemp("adgan")
    torch.save(published_checkpoints.adgan(request.param), folder / "10000.pth")
    return PUBLISHED[request.param], api.import_checkpoint("adgan", folder / "10000.pth", folder / "run").path


def same(made, wanted, tolerance):
    """Fingerprints agree, relative to the root mean square."""
    assert made == pytest.approx(wanted, rel=0, abs=tolerance * wanted[0])


def pictures(size, dtype):
    return (known.picture(name, (2, 1, *size)).to(dtype) for name in ("image", "mask"))


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_networks_give_what_the_published_ones_give(imported, dtype):
    published, run = imported
    method = Run.open_finished(run).method().to(dtype)
    image, mask = pictures(published["size"], dtype)
    with torch.no_grad():
        made = {
            "content": method.encode(image, "image"),
            "image to mask": method.to_source(image),
            "mask to image": method.to_image(mask),
            "critic of images": method.critic(image, method.domains(2, 0, like=image)),
            "critic of masks": method.critic(image, method.domains(0, 2, like=image)),
        }
    assert made.keys() == published["forward"].keys()
    for name, wanted in published["forward"].items():
        same(known.fingerprint(made[name]), wanted, TOLERANCE[dtype])


@pytest.mark.parametrize("imported", ["2D"], indirect=True)
def test_a_step_has_the_losses_and_gradients_of_the_published_one(imported):
    published, run = imported
    method = Run.open_finished(run).method().double()
    image, mask = pictures(published["size"], torch.float64)
    losses, gradients = losses_and_gradients(method, {"image": image, "source": mask})
    losses["dis"] = losses.pop("same") + losses.pop("crossed")
    names = {"g_rec": "reconstruction", "g_cyc": "cycle", "g_ctr": "content", "g_adv": "adversarial"}
    wanted = {names.get(name, name): loss for name, loss in published["losses"].items()}
    assert losses == pytest.approx(wanted, rel=1e-10)
    check_gradients(gradients, published["gradients"], IMPORTERS.get("adgan").modules)
