"""CyclePose-like: the segmenter is one half of the cycle, for any target."""

import pytest
import torch

from nucleizoo import Clock, Task
from nucleizoo.core.plugins import load_plugins
from nucleizoo.kinds import DISCRIMINATORS, GENERATORS, MAP_LOSSES, METHODS, TARGETS

load_plugins()


def method(target="flow", pictures=False, **settings):
    torch.manual_seed(0)
    made = TARGETS.get(target)()
    small = {"generator": GENERATORS.recipe("resnet", width=2, blocks=1),
             "segmenter": GENERATORS.recipe("unet", width=4, blocks=2),
             "discriminator": DISCRIMINATORS.recipe("patchgan", width=2, blocks=1)}  # fmt: skip
    source = 1 if pictures else len(made.channels)
    return METHODS.get("cyclepose")(Task(1, source, 2, made, source_pictures=pictures), **small | settings)


def batch(made):
    labels = torch.zeros(24, 24, dtype=torch.int32).numpy()
    labels[4:12, 4:12], labels[12:20, 4:12] = 1, 2
    maps = torch.from_numpy(made.task.target.encode(labels))[None]
    return {"image": torch.rand(1, 1, 24, 24) * 2 - 1, "maps": maps}


@pytest.mark.parametrize("target", ["flow", "bcd", "ternary"])
@pytest.mark.parametrize("pictures", [False, True])
def test_masks_are_found_again_in_the_images_made_of_them(target, pictures):
    """The cycle of the masks is the segmentation loss of the segmenter, by the definition of both."""
    made = method(target, pictures, segmentation=MAP_LOSSES.recipe("by_channel", weight=3.0))
    given = batch(made)
    generator, _ = made.train_step(given, Clock(0, 10))
    image = made.to_image(made.task.target.as_image(given["maps"]))
    logits = made.translators["source"](image)
    wanted = 3 * MAP_LOSSES.get("by_channel")()(logits, given["maps"], made.task.target)
    torch.testing.assert_close(generator.losses["cycle_source"], wanted)
    assert made.segments
    torch.testing.assert_close(
        made(given["image"]), made.task.target.activate(made.translators["source"](given["image"]))
    )


def test_both_halves_learn_from_both_cycles():
    made = method()
    generator, critic = made.train_step(batch(made), Clock(0, 10))
    for name in ("cycle_image", "cycle_source"):
        for half in made.translators.values():
            some = torch.autograd.grad(
                generator.losses[name], list(half.parameters()), retain_graph=True, allow_unused=True
            )
            assert any(g is not None and g.any() for g in some), name
    assert set(critic.losses) == {"critic_image", "critic_source"}
