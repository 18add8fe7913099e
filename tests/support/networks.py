"""How a network is called in the role that it serves in: the one table that tests of networks use."""

import torch

from nucleizoo.contracts.networks import (
    DistributionCritic,
    DomainCoder,
    DomainCritic,
    StyleCoder,
    VariationalCoder,
)


def plainly(network, picture):
    return network(picture)


def coded_by_domain(network, picture):
    """Each picture of a domain, as one of the other."""
    assert isinstance(network, DomainCoder) and list(network.encoder.parameters())
    domains = torch.eye(2)
    made = network.decode(network.encode(picture, domains), domains.flip(0))
    assert made.abs().max() <= 1
    return made


def coded_by_style(network, picture):
    """Each picture's content, in the style of the other."""
    assert isinstance(network, StyleCoder)
    content, style = network.encode(picture)
    assert len(content) == len(picture) and content.ndim == picture.ndim
    assert style.shape == (len(picture), network.style_channels)
    made = network.decode(content, style.flip(0))
    assert made.abs().max() <= 1
    return made


def coded_by_variation(network, picture):
    """Each picture's content, drawn half a standard deviation off its mean, as the domain of the other."""
    assert isinstance(network, VariationalCoder)
    mean, log_variance = network.encode(picture)
    assert mean.shape == log_variance.shape == (
        len(picture), network.content_channels, *(n // network.stride for n in picture.shape[2:])
    )  # fmt: skip
    made = network.decode(mean + 0.5 * (log_variance / 2).exp(), torch.eye(2))
    assert made.abs().max() <= 1
    return made


def judged_by_domain(network, picture):
    assert isinstance(network, DomainCritic)
    return network(picture, torch.eye(2))


def judged_by_distribution(network, picture):
    assert isinstance(network, DistributionCritic)
    profile = network.profile(picture)
    assert len(profile) == 1 and profile.abs().max() <= 0.5
    return network(profile)


CALLS = {
    "translator": plainly, "segmenter": plainly, "critic": plainly, "multi-head critic": plainly,
    "domain coder": coded_by_domain, "style coder": coded_by_style, "variational coder": coded_by_variation,
    "domain critic": judged_by_domain, "distribution critic": judged_by_distribution,
}  # fmt: skip


def called(network, role, picture):
    """What a network makes of two pictures (2, C, *S) in a role."""
    assert role in CALLS, f"say in tests/support/networks.py how a {role} is called"
    return CALLS[role](network, picture)


def ways(registry):
    """(name, role) for every way in which an entry is called."""
    return [
        (name, role)
        for name in registry.names()
        for role in {CALLS.get(role, role): role for role in registry.serves(name)}.values()
    ]
