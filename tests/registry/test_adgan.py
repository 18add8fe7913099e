"""AD-GAN against the numbers and the update rule of its reference (method-facts of the paper)."""

import copy

import pytest
import torch
from support.plain_adgan import PlainADGAN

from nucleizoo import DISCRIMINATORS, GENERATORS, METHODS, TARGETS, Clock, Task

CLOCK = Clock(0, 10)


def make(target="mask", dims=2, seed=0, generator=(), discriminator=(), **settings):
    """A small AD-GAN."""
    torch.manual_seed(seed)
    small = {"width": 4, "blocks": 2, "style_width": 8} | dict(generator)
    return METHODS.get("adgan")(
        Task(1, 1, dims, TARGETS.recipe(target)()),
        generator=GENERATORS.recipe("adain", **small),
        discriminator=DISCRIMINATORS.recipe(
            "domain", **({"width": 4, "full_map": False} | dict(discriminator))
        ),
        **settings,
    )


def pictures(dims=2, batch=2):
    g = torch.Generator().manual_seed(1)
    size = (32, 32) if dims == 2 else (8, 32, 32)
    image = torch.rand(batch, 1, *size, generator=g) * 2 - 1
    source = (torch.rand(batch, 1, *size, generator=g) > 0.5).float() * 2 - 1
    return {"image": image, "source": source}


def count(module):
    return sum(p.numel() for p in module.parameters())


@pytest.mark.parametrize(
    ("dims", "width", "encoder", "decoder", "critic"),
    [
        (2, 64, 5_421_696, 5_388_161, 2_770_882),
        (3, 32, 3_994_240, 3_977_473, 2_787_810),
        (3, 64, 15_614_976, 15_581_441, 11_080_642),
    ],
)
def test_parameter_counts_are_the_references(dims, width, encoder, decoder, critic):
    with torch.device("meta"):
        net = GENERATORS.recipe("adain", width=width, style_width=64)(1, 1, dims)
        judge = DISCRIMINATORS.recipe("domain", width=width)(1, dims)
    assert (count(net.encoder), count(net.decoder), count(judge)) == (encoder, decoder, critic)


def test_style_sizes_are_the_references():
    with torch.device("meta"):
        net = GENERATORS.recipe("adain")(1, 1, 2)
    assert sum(net.encoder.sizes) == 4992 and sum(net.decoder["body"].sizes) == 4480


def test_content_and_score_maps_have_the_published_shapes():
    method = make(generator={"width": 64, "blocks": 0})
    domain = method.domains(1, 0, like=torch.zeros(1))
    x = torch.zeros(1, 1, 256, 256)
    with torch.no_grad():
        assert method.generator.encode(x, domain).shape == (1, 256, 64, 64)
        assert method.critic(x, domain).shape == (1, 1, 30, 30)
        full = make(discriminator={"full_map": True})
        assert full.critic(x, domain).shape == (1, 1, 32, 32)


def test_content_goes_to_either_domain_and_between_them():
    method, image = make().eval(), pictures()["image"]
    with torch.no_grad():
        of_images, of_masks = (torch.tensor([label] * 2) for label in ([1.0, 0.0], [0.0, 1.0]))
        content, decode = method.encode(image, "image"), method.generator.decode
        torch.testing.assert_close(content, method.generator.encode(image, of_images))
        torch.testing.assert_close(method.encode(image, "source"), method.generator.encode(image, of_masks))
        torch.testing.assert_close(method.to_source(image), decode(content, of_masks))
        torch.testing.assert_close(method.to_image(image), decode(method.encode(image, "source"), of_images))
        torch.testing.assert_close(method.between(image, 1.0), method.to_source(image))
        between = method.between(image, 0.25)
        torch.testing.assert_close(between, decode(content, 0.75 * of_images + 0.25 * of_masks))
        assert not torch.allclose(between, method.between(image, 0.0))


def gradients(method, batch, precision=torch.float32):
    """The gradients that the engine would hand to the generator's optimiser."""
    everything = [p for g in method.groups().values() for p in g.parameters]
    for p in everything:
        p.grad = None
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == torch.bfloat16):
        updates = list(_collect(method, batch))
    assert updates[-1] == "discriminator"
    return {n: p.grad.clone() for n, p in method.generator.named_parameters() if p.grad is not None}


def _collect(method, batch):
    for update in method.train_step(batch, CLOCK):
        if update.group == "generator":
            wanted = method.groups()["generator"].parameters if update.only is None else update.only
            torch.stack(list(update.losses.values())).sum().backward(
                inputs=list(wanted), retain_graph=update.keep_graph
            )
        yield update.group


class FreezeUnfreeze(PlainADGAN):
    """The published sequence of calls over our own kernels: only the way of aligning differs."""

    def encode(self, x, domain):
        return self.generator.encode(x, domain)

    def decode(self, content, domain):
        return self.generator.decode(content, domain)

    def judge(self, x, domain):
        return self.critic(x, domain)


def plain_gradients(reference, method, batch):
    """Of all parameters of the generator, by the published sequence of calls."""
    plain = reference(copy.deepcopy(method))
    plain.gradients_of_generator(batch["image"], batch["source"])
    return _flat({n: p.grad for n, p in plain.generator.named_parameters()})


def difference(reference, method, batch):
    """Of the gradients of all parameters, relative to their norm."""
    theirs = plain_gradients(reference, method, batch)
    return (_flat(gradients(method, batch)) - theirs).norm() / theirs.norm()


def test_aligned_gradients_equal_freeze_and_unfreeze():
    batch = {k: v.double() for k, v in pictures().items()}
    assert difference(FreezeUnfreeze, make().double(), batch) < 1e-12


def test_in_float32_they_differ_by_a_millionth_or_by_what_a_machine_rounds_in_either():
    method, batch = make(), pictures()
    exact = _flat(gradients(make().double(), {k: v.double() for k, v in batch.items()}))
    theirs = plain_gradients(FreezeUnfreeze, method, batch)
    rounding = (theirs.double() - exact).norm() / exact.norm()
    assert difference(FreezeUnfreeze, method, batch) < max(1e-6, 1.5 * rounding)
    assert rounding < 1e-4


@pytest.mark.parametrize("dims", [2, 3])
def test_in_double_the_whole_step_equals_the_plain_chain_of_library_calls(dims):
    batch = {k: v.double() for k, v in pictures(dims).items()}
    method = make(dims=dims, discriminator={"blocks": 1})  # for crops of 8 planes
    assert difference(PlainADGAN, method.double(), batch) < 1e-10


def test_in_bfloat16_the_gradients_are_as_close_as_those_of_the_plain_chain():
    method, batch = make(generator={"width": 8}), pictures()
    exact = _flat(gradients(method, batch))
    ours = _flat(gradients(method, batch, torch.bfloat16))
    with torch.autocast("cpu", torch.bfloat16):
        theirs = plain_gradients(PlainADGAN, method, batch)
    error, allowed = (ours - exact).norm() / exact.norm(), (theirs - exact).norm() / exact.norm()
    assert error < 1.2 * allowed


def _flat(tensors):
    return torch.cat([tensors[name].flatten() for name in sorted(tensors)])


def test_the_decoder_learns_from_reconstruction_alone():
    method, batch = make(), pictures()
    full = gradients(method, batch)
    t = method.translate(batch["image"], batch["source"])
    loss = sum(method.reconstruction_losses(t).values())
    alone = torch.autograd.grad(loss, list(method.generator.decoder.parameters()))
    names = [n for n, _ in method.generator.named_parameters() if n.startswith("decoder")]
    for name, grad in zip(names, alone, strict=True):
        torch.testing.assert_close(full[name], grad)


def test_without_alignment_the_decoder_learns_from_everything():
    batch = pictures()
    aligned, joint = gradients(make(), batch), gradients(make(aligned=False), batch)
    for name in ("decoder.tail.weight", "decoder.body.stages.0.first.layer.weight"):
        assert not torch.allclose(aligned[name], joint[name])
    name = "encoder.stages.0.layer.weight"
    torch.testing.assert_close(aligned[name], joint[name], atol=1e-4, rtol=1e-3)


def test_the_critic_sees_reconstructions_as_real_translations_as_made_and_never_data():
    method, batch = make(pool=0), pictures()
    seen = []

    class Spy(torch.nn.Module):
        def forward(self, picture, domain):
            seen.append((picture, domain))
            return picture.mean((1, 2, 3), keepdim=True) * 0 + 0.25

    method.critic = Spy()
    t = method.translate(batch["image"], batch["source"])
    losses = method.discriminator_losses(t)
    # scores are 0.25 everywhere: (0.25 - 1)^2 for real, 0.25^2 for made, both domains summed
    assert float(losses["same"]) == pytest.approx(2 * 0.75**2)
    assert float(losses["crossed"]) == pytest.approx(2 * 0.25**2)
    (shown, domain), n = seen[0], len(batch["image"])
    assert torch.equal(shown[: 2 * n], t.same) and torch.equal(shown[2 * n :], t.crossed)
    assert domain[:, 0].tolist() == [1, 1, 0, 0, 0, 0, 1, 1]
    assert not shown.requires_grad
    generator = method.alignment_losses(t)["adversarial"]
    assert float(generator.detach()) == pytest.approx(2 * 0.25**2 + 2 * 0.75**2)
    data = torch.cat(list(batch.values()))
    assert not any(torch.equal(p, d) for s, _ in seen for p in s for d in data)


@pytest.mark.parametrize("term", ["reconstruction", "cycle", "content"])
def test_an_ablated_term_is_zero_and_leaves_the_others(term):
    from nucleizoo import LOSSES

    batch = pictures()

    def terms(method):
        t = method.translate(batch["image"], batch["source"])
        return method.reconstruction_losses(t) | method.alignment_losses(t)

    full, without = terms(make()), terms(make(**{term: LOSSES.recipe("l1", weight=0.0)}))
    assert without.pop(term).detach() == 0 < full.pop(term).detach()
    assert {k: float(v.detach()) for k, v in without.items()} == {
        k: float(v.detach()) for k, v in full.items()
    }


def test_without_adain_in_the_encoder_the_domain_does_not_reach_the_content():
    method, x = make(generator={"adaptive_encoder": False}), pictures()["image"]
    a, b = method.domains(2, 0, like=x), method.domains(0, 2, like=x)
    with torch.no_grad():
        assert torch.equal(method.generator.encode(x, a), method.generator.encode(x, b))
        adaptive = make().generator
        assert not torch.allclose(adaptive.encode(x, a), adaptive.encode(x, b))


@pytest.mark.parametrize("dims", [2, 3])
@pytest.mark.parametrize("target", ["mask", "ternary"])
def test_maps_and_both_translations_have_the_pictures_shape_and_range(dims, target):
    method, batch = make(target, dims), pictures(dims)
    with torch.no_grad():
        maps = method(batch["image"])
        made = method.to_image(batch["source"])
    assert maps.shape == made.shape == batch["image"].shape
    assert maps.min() >= 0 and maps.max() <= 1 and made.abs().max() <= 1


def test_channels_last_is_kept_through_the_whole_network():
    method = make()
    layouts = []
    for module in method.generator.modules():
        if type(module).__name__ in ("Styled", "ResBlock"):
            module.register_forward_hook(
                lambda m, i, o: layouts.append(o.is_contiguous(memory_format=torch.channels_last))
            )
    batch = pictures()
    method.translate(batch["image"], batch["source"])
    assert layouts and all(layouts)


def test_a_target_of_several_channels_is_refused_with_the_reason():
    with pytest.raises(ValueError, match=r"channels.* 1 and 3\b.*DATASET\.CHANNELS"):
        METHODS.get("adgan")(Task(1, 3, 2, TARGETS.recipe("mask")()))
