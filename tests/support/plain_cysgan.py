"""CySGAN's step as its equations have it: a pass for every translation, and another for maps of translations.

x is the labelled source and y the image; F translates to images, B to the source.
"""

import torch
from nucleizoo.registry.methods.cysgan import CySGAN, SegmentedTrip


def six_passes(method, batch):
    """Pictures and logits of the maps of F(x), B(y), B(F(x)), F(B(y)), B(F(x) detached), F(B(y) detached)."""

    def through(domain, picture):
        made = method.translators[domain](picture)
        count = made.shape[1] - len(method.task.target.channels)
        drawn = made[:, :count]
        if method.residual:
            drawn = drawn + torch.atanh(picture.clamp(-0.9, 0.9))
        return torch.tanh(drawn), made[:, count:]

    x, y = batch["source"], batch["image"]
    made_y, seen_x = through("image", x)
    made_x, seen_y = through("source", y)
    back_x, _ = through("source", made_y)
    back_y, _ = through("image", made_x)
    _, again_x = through("source", made_y.detach())
    _, again_y = through("image", made_x.detach())
    return {
        "real": {"image": batch["image_clean"], "source": batch["source_clean"]},
        "fake": {"image": made_y, "source": made_x},
        "back": {"image": back_y, "source": back_x},
        "seen": {"image": seen_y, "source": seen_x},
        "seen_again": {"image": again_y, "source": again_x},
        "truth": batch["maps"],
    }


def six_terms(method, trip):
    """The networks' losses, equations 1 to 6."""
    target, losses = method.task.target, {}
    for d in ("image", "source"):
        scores = method.critics[d](trip["fake"][d])
        losses[f"adversarial_{d}"] = method.gan(scores, True)
        losses[f"cycle_{d}"] = method.cycle(trip["back"][d], trip["real"][d])
        if method.identity.weight:
            made = method.translators[d](trip["real"][d])[:, : trip["real"][d].shape[1]]
            if method.residual:
                made = made + torch.atanh(trip["real"][d].clamp(-0.9, 0.9))
            losses[f"identity_{d}"] = method.identity(torch.tanh(made), trip["real"][d])
    losses["segmentation"] = method.segmentation(trip["seen"]["source"], trip["truth"], target)
    losses["segmentation_made"] = method.segmentation(trip["seen_again"]["source"], trip["truth"], target)
    first, second = (target.activate(trip[seen]["image"]) for seen in ("seen", "seen_again"))
    judged = [method.map_gan(method.map_critic(maps), True) for maps in (first, second)]
    losses["map_adversarial"] = judged[0] + judged[1]
    losses["consistency"] = method.consistency(first, second)
    return losses


class PlainCySGAN(CySGAN):
    """The same method with passes and losses as above."""

    def travel(self, batch):
        return SegmentedTrip(**six_passes(self, batch))

    def generator_losses(self, trip, clock):
        return six_terms(self, vars(trip))
