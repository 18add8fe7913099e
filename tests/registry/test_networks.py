"""Translators and critics against the parameter counts and shapes of their references (method-facts 0)."""

import pytest
import torch

from nucleizoo import DISCRIMINATORS, GENERATORS
from nucleizoo.core.plugins import load_plugins

load_plugins()


def count(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ("kind", "name", "settings", "wired", "parameters"),
    [
        (GENERATORS, "unet", {}, (1, 4, 3), 3_649_012),
        (GENERATORS, "unet", {"plus": False}, (1, 4, 3), 3_545_252),
        (GENERATORS, "unet_classic", {}, (3, 1, 2), 31_037_633),
        (GENERATORS, "deepsynth", {}, (1, 1, 3), 402_553),
        (GENERATORS, "resnet", {}, (1, 1, 2), 11_365_633),
        (GENERATORS, "munit", {}, (1, 1, 2), 15_007_369),
        (GENERATORS, "transunet", {}, (3, 2, 2), 105_322_146),
        (GENERATORS, "vae", {"blocks": 6}, (1, 1, 2), 72_662_657),
        (DISCRIMINATORS, "patchgan", {}, (1, 2), 2_762_689),
        (DISCRIMINATORS, "normless", {}, (1, 2), 8_265_027 // 3),  # one scale of three
        (
            DISCRIMINATORS,
            "normless",
            {"width": 16, "blocks": 5, "hidden": 512, "padding": "zeros"},
            (1, 2, 3),
            1_223_411,
        ),
        (DISCRIMINATORS, "pointwise", {}, (1024, 2, 2), 697_410),
        (DISCRIMINATORS, "strided", {}, (1, 3), 1_446_209),
        (DISCRIMINATORS, "strided", {}, (3, 3), 1_449_409),
    ],
)
def test_parameter_counts_are_the_references(kind, name, settings, wired, parameters):
    with torch.device("meta"):
        assert count(kind.recipe(name, **settings)(*wired)) == parameters


@pytest.mark.parametrize(
    ("name", "settings", "dims", "size", "scores"),
    [
        ("patchgan", {}, 2, (256, 256), (30, 30)),
        ("patchgan", {"full_map": True}, 2, (256, 256), (32, 32)),
        ("strided", {}, 3, (17, 129, 129), (9, 9, 9)),
        ("strided", {}, 2, (129, 129), (9, 9)),
    ],
)
def test_score_maps_have_the_published_shapes(name, settings, dims, size, scores):
    with torch.device("meta"):
        critic = DISCRIMINATORS.recipe(name, **settings)(1, dims)
        assert critic(torch.zeros(1, 1, *size)).shape == (1, 1, *scores)


def test_resizing_leaves_no_chequerboard():
    """A flat picture, far from its border: transposed convolutions give each of four phases its own value."""
    torch.manual_seed(0)
    phases = {}
    for resize in (False, True):
        net = GENERATORS.recipe("resnet", width=4, blocks=0, resize=resize)(1, 1, 2)
        up = next(m for m in net.layers if "Upsample" in str(m) or "Transpose" in str(m)).layer
        with torch.no_grad():
            made = up(torch.ones(1, 16, 12, 12))[0, 0, 8:16, 8:16]
        phases[resize] = made.std().item()
    assert phases[True] < 1e-6 < 1e-3 < phases[False]


SMALL = {
    "resnet": {"width": 4, "blocks": 2}, "unet": {"width": 4, "blocks": 2}, "unet_classic": {"width": 2},
    "deepsynth": {"width": 2},
    "transunet": {"width": 4, "blocks": 1, "units": (1, 1, 1)},
}  # fmt: skip


@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize("size", [(33, 50), (1, 7), (16, 16), (5, 33, 21), (1, 9, 17)], ids=str)
def test_any_size_comes_back_as_it_was(name, size):
    net = GENERATORS.recipe(name, **SMALL[name])(2, 3, len(size))
    with torch.no_grad():
        assert net(torch.rand(1, 2, *size)).shape == (1, 3, *size)


@pytest.mark.parametrize("name", SMALL)
def test_a_picture_whose_size_fits_is_not_padded(name):
    """A network that pads what fits would answer otherwise near the border than one that does not."""
    torch.manual_seed(0)
    net = GENERATORS.recipe(name, **SMALL[name])(1, 1, 2).eval()
    seen = []
    first = next(m for m in net.modules() if getattr(m, "weight", torch.zeros(())).ndim == 4)
    first.register_forward_pre_hook(lambda _, inputs: seen.append(tuple(inputs[0].shape[2:])))
    with torch.no_grad():
        net(torch.rand(1, 1, 32, 48))
    assert seen == [(32, 48)]


def test_every_stage_of_the_classic_unet_halves_its_input():
    """Of 37 voxels, 5 are missing: a picture that goes on as its mirror image is seen the same."""
    torch.manual_seed(0)
    net = GENERATORS.recipe("unet_classic", width=2)(1, 1, 2).eval()
    picture = torch.rand(1, 1, 32, 37)
    longer = torch.cat([picture, picture.flip(3)[..., :11]], dim=3)
    with torch.no_grad():
        torch.testing.assert_close(net(picture), net(longer)[..., :37])


def test_deepsynths_network_gives_the_numbers_of_its_package():
    """Their encoder_decoder(1, 1, 8) in training mode, with the same weights and volume: run at 3950032."""
    net = GENERATORS.recipe("deepsynth")(1, 1, 3)
    with torch.no_grad():
        for p in net.parameters():
            p.copy_(0.3 * torch.arange(p.numel()).mul(0.7).sin().reshape(p.shape))
        made = net(torch.arange(16 * 16 * 24).mul(0.3).sin().reshape(1, 1, 16, 16, 24)).sigmoid()
    assert made.mean().item() == pytest.approx(0.4839797, abs=1e-4)
    assert made.std().item() == pytest.approx(0.3452033, abs=1e-4)
    voxels = [made[0, 0, z, y, x].item() for z, y, x in ((3, 7, 11), (0, 0, 0), (7, 15, 23))]
    assert voxels == pytest.approx([0.9262375, 0.8468744, 0.9364738], abs=1e-3)


def test_attention_adds_nothing_before_it_is_trained():
    net = GENERATORS.recipe("unet", width=8, blocks=2)(1, 1, 2)
    x = torch.rand(1, 16, 6, 5)
    assert torch.equal(net.attend(x), x)


def test_features_of_the_bottleneck_stay_in_place_without_padding():
    """A bottleneck of ones on its border alone: continued beyond it, stretching draws them inwards."""
    reached = []
    for padding in (0, 1):
        net = GENERATORS.recipe("unet", width=4, blocks=2, guide_padding=padding)(1, 1, 2)
        deepest = torch.zeros(1, 8, 7, 7)
        deepest[..., 0, :] = 1
        with torch.no_grad():
            grown = net._grow(net.guide[0][0](deepest), torch.zeros(1, 1, 13, 13))
        reached.append((grown - grown[..., -1:, :]).abs().sum((0, 1, 3)) > 1e-6)
    assert reached[0].sum() == 2 < reached[1].sum()


def test_attention_is_the_embedded_gaussian():
    """Wang et al., equation 1: the softmax over all places of query times key, applied to the values."""
    torch.manual_seed(0)
    attend = GENERATORS.recipe("unet", width=8, blocks=2)(1, 1, 2).attend
    torch.nn.init.ones_(attend.norm.weight)
    x = torch.rand(2, 16, 3, 4)
    flat = x.flatten(2)

    def embed(layer):
        return torch.einsum("kc,bcn->bkn", layer.weight.flatten(1), flat) + layer.bias[:, None]

    weights = torch.softmax(torch.einsum("bkn,bkm->bnm", embed(attend.query), embed(attend.key)), dim=2)
    seen = torch.einsum("bnm,bkm->bkn", weights, embed(attend.value)).reshape(2, 8, 3, 4)
    wanted = x + attend.norm(torch.einsum("kc,bcyx->bkyx", attend.out.weight[..., 0, 0], seen)
                             + attend.out.bias[:, None, None])  # fmt: skip
    torch.testing.assert_close(attend(x), wanted, rtol=1e-4, atol=1e-5)


def test_flat_stages_do_not_look_along_depth():
    """With every stage flat a plane's result depends on the planes it is asked with only through norms."""
    torch.manual_seed(0)
    net = GENERATORS.recipe("unet", width=4, blocks=3, flat=3, plus=False)(1, 1, 3)
    kernels = {m.kernel_size[0] for m in net.modules() if isinstance(m, torch.nn.Conv3d)}
    strides = {m.stride[0] for m in net.modules() if isinstance(m, torch.nn.Conv3d)}
    assert kernels == {1} and strides == {1}


def test_the_histogram_critic_sees_the_sorted_intensities_alone():
    critic = DISCRIMINATORS.recipe("histogram", bins=4, width=3)(1, 2)
    x = torch.tensor([[0.0, 1.0], [-1.0, 0.5]]).reshape(1, 1, 2, 2)
    assert critic.profile(x).tolist() == [[0.5, 0.25, 0.0, -0.5]]
    shuffled = x.flip(2).transpose(2, 3)
    assert torch.equal(critic(critic.profile(x)), critic(critic.profile(shuffled)))


def test_quantiles_are_means_of_equal_shares_whatever_the_number_of_pixels():
    critic = DISCRIMINATORS.recipe("histogram", bins=2)(2, 2)
    x = torch.stack([torch.linspace(-1, 1, 6).reshape(2, 3), torch.ones(2, 3)])[None]
    torch.testing.assert_close(critic.profile(x), torch.tensor([[0.3, -0.3, 0.5, 0.5]]))


@pytest.mark.parametrize("width", [2, 4, 8, 16])
@pytest.mark.parametrize("size", [(1, 1), (16, 16)])
def test_one_voxel_at_the_bottleneck_is_enough_for_the_unet(width, size):
    net = GENERATORS.recipe("unet", width=width, blocks=5)(1, 1, 2)
    assert torch.isfinite(net(torch.rand(1, 1, *size))).all()


@pytest.mark.parametrize("width", [2, 4, 8])
def test_gradients_of_a_narrow_unet_stay_small_in_a_crop_without_contrast(width):
    """Normalised alone, a flat channel has its gradient multiplied by 1 / sqrt(1e-5) in every layer."""
    torch.manual_seed(0)
    net = GENERATORS.recipe("unet", width=width, blocks=3)(1, 1, 2)
    (net(torch.full((2, 1, 32, 32), -1.0)) * torch.rand(2, 1, 32, 32)).sum().backward()
    assert max(float(p.grad.abs().max()) for p in net.parameters()) < 1e8
