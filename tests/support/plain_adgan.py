"""AD-GAN's step as published: fp32, every translation its own call, freeze and unfreeze, contiguous layout.

Written for comparison from the description of the published implementation (Kaiseem/AD-GAN at
d692d16, read for facts): networks, losses and order are those of `nucleizoo.registry`, only the way
of computing differs. Tests hold the gradients of both against each other, the benchmark their times.
"""

import torch
from torch.nn import functional as F


def plain_adain(x, style):
    """Instance normalisation through batch norm on a reshaped copy, shift first, scale plus one."""
    shift, scale = style.chunk(2, dim=1)
    batch, channels = x.shape[:2]
    flat = x.contiguous().view(1, batch * channels, *x.shape[2:])
    weight, bias = (1 + scale).reshape(-1), shift.reshape(-1)
    return F.batch_norm(flat, None, None, weight, bias, training=True, eps=1e-5).view(x.shape)


def plain_conv(layer, x):
    """The layer's convolution by the library's own kernels."""
    for plain in (torch.nn.Conv2d, torch.nn.Conv3d):
        if isinstance(layer, plain):
            return plain._conv_forward(layer, x, layer.weight, layer.bias)
    return layer(x)


def run_stack(stack, x, domain):
    """A `StyledStack`'s own layers and styles, by separate operations."""
    styles = iter(stack.style(domain).split(stack.sizes, dim=1))
    for stage in stack.stages:
        style = next(styles)
        if hasattr(stage, "layer"):
            x = F.relu(plain_adain(plain_conv(stage.layer, x), style))
        else:
            first, second = style.chunk(2, dim=1)
            inner = F.relu(plain_adain(plain_conv(stage.first.layer, x), first))
            x = x + plain_adain(plain_conv(stage.second.layer, inner), second)
    return x


class PlainADGAN:
    """The published step over the networks of one of our methods."""

    def __init__(self, method, lr=2e-4):
        self.generator, self.critic = method.generator, method.critic
        self.pools = method.pools
        self.optimisers = [
            torch.optim.Adam(net.parameters(), lr=lr, betas=(0.5, 0.99), weight_decay=1e-4)
            for net in (self.generator, self.critic)
        ]

    def encode(self, x, domain):
        return run_stack(self.generator.encoder, x, domain)

    def decode(self, content, domain):
        decoder = self.generator.decoder
        return torch.tanh(plain_conv(decoder["tail"], run_stack(decoder["body"], content, domain)))

    def judge(self, x, domain):
        for level, layer in enumerate(self.critic.layers):
            if level:
                x = F.leaky_relu(x if level == 1 else F.instance_norm(x), 0.2)
            x = layer(x)
        return (x * domain.reshape(*domain.shape, *(1,) * (x.ndim - 2))).sum(1, keepdim=True)

    def gradients_of_generator(self, image, mask):
        """Both backward passes; leaves the gradients in place and returns what the critic needs."""
        a = image.new_tensor([[1.0, 0.0]]).expand(len(image), 2)
        b = image.new_tensor([[0.0, 1.0]]).expand(len(image), 2)
        content_a, content_b = self.encode(image, a), self.encode(mask, b)
        same_a, same_b = self.decode(content_a, a), self.decode(content_b, b)
        to_b, to_a = self.decode(content_a, b), self.decode(content_b, a)
        again_b, again_a = self.encode(to_b, b), self.encode(to_a, a)
        back_a, back_b = self.decode(again_b, a), self.decode(again_a, b)
        reconstruction = 20 * (F.l1_loss(same_a, image) + F.l1_loss(same_b, mask))
        reconstruction.backward(retain_graph=True)
        for net in (self.generator.decoder, self.critic):
            net.requires_grad_(False)
        cycle = 20 * (F.l1_loss(back_a, image) + F.l1_loss(back_b, mask))
        content = F.l1_loss(again_b, content_a) + F.l1_loss(again_a, content_b)
        same, made = ((same_a, a), (same_b, b)), ((to_b, b), (to_a, a))
        adversarial = sum(self.judge(x, d).square().mean() for x, d in same)
        adversarial = adversarial + sum((self.judge(x, d) - 1).square().mean() for x, d in made)
        (cycle + content + adversarial).backward()
        for net in (self.generator.decoder, self.critic):
            net.requires_grad_(True)
        return same, made

    def step(self, image, mask):
        for optimiser in self.optimisers:
            optimiser.zero_grad(set_to_none=True)
        same, ((to_b, b), (to_a, a)) = self.gradients_of_generator(image, mask)
        self.optimisers[0].step()
        self.optimisers[1].zero_grad(set_to_none=True)
        made = ((self.pools[0](to_b), b), (self.pools[1](to_a), a))
        loss = sum((self.judge(x.detach(), d) - 1).square().mean() for x, d in same)
        loss = loss + sum(self.judge(x.detach(), d).square().mean() for x, d in made)
        loss.backward()
        self.optimisers[1].step()
