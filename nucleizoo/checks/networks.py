"""What networks promise: they do what their roles say, and all of them learns."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor, nn

from nucleizoo.checks.check import NotApplicableError, expect
from nucleizoo.checks.toys import SIZES, pictures, shaken, small
from nucleizoo.contracts.networks import (
    DistributionCritic,
    DomainCoder,
    DomainCritic,
    StyleCoder,
    VariationalCoder,
)
from nucleizoo.core.registry import Recipe, Registry
from nucleizoo.kinds import GENERATORS


def plainly(network: nn.Module, picture: Tensor) -> Tensor:
    """Called with a picture."""
    made: Tensor = network(picture)
    return made


def coded_by_domain(network: nn.Module, picture: Tensor) -> Tensor:
    """Each picture of a domain, as one of the other."""
    _expect_protocol(network, DomainCoder, ("encoder", "encode", "decode"))
    assert isinstance(network, DomainCoder)
    expect(list(network.encoder.parameters()), "its 'encoder' has no parameters")
    domains = torch.eye(2)
    return _picture(network.decode(network.encode(picture, domains), domains.flip(0)))


def coded_by_style(network: nn.Module, picture: Tensor) -> Tensor:
    """Each picture's content, in the style of the other."""
    _expect_protocol(network, StyleCoder, ("style_channels", "encode", "decode"))
    assert isinstance(network, StyleCoder)
    content, style = network.encode(picture)
    expect(len(content) == len(picture) and content.ndim == picture.ndim, "content is to be (B, K, *S')")
    wanted = (len(picture), network.style_channels)
    expect(style.shape == wanted, f"style is {tuple(style.shape)}, not {wanted}")
    return _picture(network.decode(content, style.flip(0)))


def coded_by_variation(network: nn.Module, picture: Tensor) -> Tensor:
    """Each picture's content, drawn half a standard deviation off its mean, as the domain of the other."""
    _expect_protocol(network, VariationalCoder, ("content_channels", "stride", "encode", "decode"))
    assert isinstance(network, VariationalCoder)
    mean, log_variance = network.encode(picture)
    wanted = (len(picture), network.content_channels, *(n // network.stride for n in picture.shape[2:]))
    for name, one in (("mean", mean), ("log variance", log_variance)):
        expect(one.shape == wanted, f"the {name} is {tuple(one.shape)}, not {wanted}")
    return _picture(network.decode(mean + 0.5 * (log_variance / 2).exp(), torch.eye(2)))


def judged_by_domain(network: nn.Module, picture: Tensor) -> Tensor:
    """Pictures, claimed to be of either domain."""
    _expect_protocol(network, DomainCritic, ())
    made: Tensor = network(picture, torch.eye(2))
    return made


def judged_by_distribution(network: nn.Module, picture: Tensor) -> Tensor:
    """All pictures together, by their profile."""
    _expect_protocol(network, DistributionCritic, ("profile",))
    assert isinstance(network, DistributionCritic)
    profile = network.profile(picture)
    expect(len(profile) == 1 and profile.abs().max() <= 0.5, "its profile is to be (1, K), in [-0.5, 0.5]")
    made: Tensor = network(profile)
    return made


CALLS: dict[str, Callable[[nn.Module, Tensor], Tensor]] = {
    "translator": plainly, "segmenter": plainly, "critic": plainly, "multi-head critic": plainly,
    "domain coder": coded_by_domain, "style coder": coded_by_style, "variational coder": coded_by_variation,
    "domain critic": judged_by_domain, "distribution critic": judged_by_distribution,
}  # fmt: skip
"""Role -> how a network that serves in it is called; see `contracts.networks`."""


def called(network: nn.Module, role: str, picture: Tensor) -> Tensor:
    """What a network makes of two pictures (2, C, *S) in a role.

    Raises:
        NotApplicableError: when the role is none of the roles in `contracts.networks`.
    """
    if role not in CALLS:
        raise NotApplicableError(f"how a {role} is called is known to its method alone")
    return CALLS[role](network, picture)


def roles_of(registry: Registry, name: str) -> list[str]:
    """The roles of an entry, one for every way in which it is called."""
    return list({CALLS.get(role, role): role for role in registry.serves(name)}.values())


def serves_and_learns(recipe: Recipe, dims: int, role: str) -> None:
    """It does what its role says, and all of it learns."""
    torch.manual_seed(0)
    wired = (2, 3, dims) if recipe.registry is GENERATORS else (2, dims)
    network = shaken(small(recipe)(*wired))
    least = int(getattr(network, "smallest", 1))
    picture = pictures(2, tuple(max(n, least) for n in SIZES[dims]))
    made = called(network, role, picture)
    shape = tuple(made.shape)
    if recipe.registry is GENERATORS:
        wanted = (2, 3, *picture.shape[2:])
        expect(shape == wanted, f"for pictures {tuple(picture.shape)} it gives {shape}, not {wanted}")
    elif role == "distribution critic":
        expect(shape == (1, 1), f"it gives {shape}, not one score, (1, 1)")
    else:
        expect(
            shape[:2] == (2, 1) and len(shape) == dims + 2 and min(shape) > 0,
            f"it gives {shape}; scores are (B, 1, *S')",
        )
    _expect_learns(network, picture, made)


def _expect_learns(network: nn.Module, picture: Tensor, made: Tensor) -> None:
    """A loss that asks something else of every place reaches all parameters, and the picture."""
    expect(torch.isfinite(made).all(), "what it makes is not finite")
    g = torch.Generator().manual_seed(1)
    (made * torch.randn(made.shape, generator=g)).sum().backward()  # type: ignore[no-untyped-call]
    for name, one in [("the picture", picture), *network.named_parameters()]:
        expect(one.grad is not None, f"no gradient reaches '{name}'; use it in forward, or take it out")
        assert one.grad is not None
        expect(torch.isfinite(one.grad).all(), f"the gradient of '{name}' is not finite")
        expect(one.grad.any(), f"the gradient of '{name}' is 0 everywhere")


def _expect_protocol(network: nn.Module, protocol: type, names: tuple[str, ...]) -> None:
    lacking = [name for name in names if not hasattr(network, name)]
    expect(isinstance(network, protocol), f"it is no {protocol.__name__}: it lacks {', '.join(lacking)}")


def _picture(made: Tensor) -> Tensor:
    most = float(made.detach().abs().max())
    expect(most <= 1, f"it decodes a value of {most:.3g}; pictures are in [-1, 1]")
    return made
