"""Entries that break one promise each; a plugin that the tests of checks load."""

import numpy as np
import torch
from scipy import ndimage
from torch import nn

from nucleizoo import (
    AUGMENTS,
    BLENDINGS,
    DATASETS,
    DECODERS,
    DISCRIMINATORS,
    GAN_LOSSES,
    GENERATORS,
    HOOKS,
    IMPORTERS,
    LOSSES,
    MAP_LOSSES,
    METHODS,
    OPTIMISERS,
    SCALINGS,
    SCHEDULES,
    TARGETS,
    Augment,
    Blending,
    Channel,
    Dataset,
    Decoder,
    GANLoss,
    Group,
    Hook,
    Importer,
    Loss,
    Method,
    Sample,
    Scaling,
    Target,
    Update,
)
from nucleizoo.ops.labels.rules import Rules


@METHODS.register("sound")
class Sound(Method):
    """A layer that learns maps, and one that judges them; breaks nothing."""

    needs = frozenset({"image", "source", "maps"})

    def __init__(self, task):
        super().__init__(task)
        kind = {2: nn.Conv2d, 3: nn.Conv3d}[task.dims]
        self.maker = kind(1, len(task.target.channels), 3, padding=1)
        self.judge = kind(len(task.target.channels), 1, 3, padding=1)

    def groups(self):
        return {name: Group(tuple(getattr(self, name).parameters())) for name in ("maker", "judge")}

    def train_step(self, batch, clock):
        made = self(batch["source"])
        yield Update("maker", {"maps": (made - batch["maps"]).square().mean()})
        told = self.judge(made.detach()) + self.judge(batch["maps"])
        yield Update("judge", {"verdict": (told - 1).square().mean()})

    def forward(self, image):
        return torch.sigmoid(self.maker(image))


def method(cls):
    """Register a method under the name of its class, in lower case."""
    return METHODS.register(cls.__name__.lower())(cls)


@method
class Keyed(Sound):
    """Has a key that it does not explain."""

    def __init__(self, task, *, spread: float = 1.0):
        super().__init__(task)


@method
class Unmade(Sound):
    """Has a default that is no entry."""

    def __init__(self, task):
        super().__init__(task)
        GENERATORS.recipe("nowhere")(1, 1, task.dims)


@method
class Homeless(Sound):
    """Has a parameter in no group."""

    def __init__(self, task):
        super().__init__(task)
        self.bias = nn.Parameter(torch.zeros(1), requires_grad=False)


@method
class Shared(Sound):
    """Has a parameter in two groups."""

    def groups(self):
        return super().groups() | {"judge": Group(tuple(self.parameters()))}


@method
class Infinite(Sound):
    """Divides 0 by 0."""

    def train_step(self, batch, clock):
        yield Update("maker", {"ratio": self(batch["source"]).sum() * 0 / 0})


@method
class Unsummed(Sound):
    """Has a loss per pixel."""

    def train_step(self, batch, clock):
        yield Update("maker", {"each": self(batch["source"])})


@method
class Stranger(Sound):
    """Trains a group that it has not."""

    def train_step(self, batch, clock):
        yield Update("referee", {"mean": self(batch["source"]).mean()})


@method
class Misread(Sound):
    """Asks the batch for what is not in it."""

    def train_step(self, batch, clock):
        yield Update("maker", {"mean": self(batch["truth"]).mean()})


@method
class Ungraded(Sound):
    """Yields without gradients."""

    def train_step(self, batch, clock):
        with torch.no_grad():
            yield from super().train_step(batch, clock)


@method
class Meddling(Sound):
    """Changes weights of the other group."""

    def train_step(self, batch, clock):
        for number, update in enumerate(super().train_step(batch, clock)):
            yield update
            if number == 0:
                self.judge.weight.data.mul_(0.9)


@method
class Backward(Sound):
    """Calls backward itself."""

    def train_step(self, batch, clock):
        yield from super().train_step(batch, clock)
        self(batch["source"]).mean().backward()
        yield Update("judge", {"scale": self.judge.weight.square().mean()})


@method
class Greedy(Sound):
    """Asks gradient for what another group owns."""

    def train_step(self, batch, clock):
        made = self.judge(self(batch["source"])).mean()
        yield Update("maker", {"fool": made}, only=[*self.maker.parameters(), *self.judge.parameters()])
        yield Update("judge", {"scale": self.judge(batch["maps"]).square().mean()})


@method
class Idle(Sound):
    """Never steps its judge."""

    def train_step(self, batch, clock):
        yield next(super().train_step(batch, clock))


@method
class Hoarding(Sound):
    """Gathers gradient that no step uses."""

    def train_step(self, batch, clock):
        yield from super().train_step(batch, clock)
        yield Update("maker", {"more": self(batch["source"]).mean()}, step=False)


@method
class Spare(Sound):
    """Has a layer that no loss reaches."""

    def __init__(self, task):
        super().__init__(task)
        self.maker = nn.Sequential(self.maker)
        self.maker.spare = nn.Linear(2, 2)

    def forward(self, image):
        return torch.sigmoid(self.maker[0](image))


@method
class Flat(Sound):
    """Has a gradient that is 0 everywhere."""

    def forward(self, image):
        return self.maker(image).round().sigmoid()


@method
class Beyond(Sound):
    """Predicts beyond the range of its maps."""

    def forward(self, image):
        return 3 * super().forward(image)


@method
class Fickle(Sound):
    """Predicts at random."""

    def forward(self, image):
        return torch.sigmoid(self.maker(image) + torch.rand(()))


@method
class Shrinking(Sound):
    """Translates to smaller pictures."""

    def to_image(self, source):
        return source[..., 1:]

    def to_source(self, image):
        return image


@method
class Undrawn(Sound):
    """Draws pictures for the log that still have a gradient."""

    def snapshot(self, batch):
        return {"prediction": self(batch["image"])}


@method
class Unsaved(Sound):
    """Predicts with what it measured in training, and does not save."""

    level = 0.0

    def train_step(self, batch, clock):
        self.level = float(batch["source"].mean())
        yield from super().train_step(batch, clock)

    def forward(self, image):
        return torch.sigmoid(self.maker(image) + self.level)


@method
class Counting(Sound):
    """Counts its steps, and forgets the count when it is saved."""

    steps = 0

    def train_step(self, batch, clock):
        self.steps += 1
        for update in super().train_step(batch, clock):
            yield Update(update.group, {name: loss / self.steps for name, loss in update.losses.items()})


@method
class Unseeded(Sound):
    """Draws from a generator of its own, which nobody seeds."""

    def __init__(self, task):
        super().__init__(task)
        self.rng = np.random.default_rng()

    def train_step(self, batch, clock):
        noisy = batch["source"] + self.rng.normal()
        yield from super().train_step(batch | {"source": noisy}, clock)


@method
class Pickled(Sound):
    """Saves an object that only code can restore."""

    def get_extra_state(self):
        return np.random.default_rng(0)

    def set_extra_state(self, state):
        pass


@method
class Remembering(Sound):
    """Predicts a window by the one before it."""

    before = None

    def forward(self, image):
        mean = image.mean()
        before, self.before = mean if self.before is None else self.before, mean
        return torch.sigmoid(self.maker(image) + 20 * before)


@method
class Summed(Sound):
    """Has a loss that is twice as large for twice as many pictures."""

    def train_step(self, batch, clock):
        first, second = super().train_step(batch, clock)
        yield first
        yield Update("judge", {name: loss * len(batch["source"]) for name, loss in second.losses.items()})


@method
class Moody(Sound):
    """Trains its judge when the pictures are dark."""

    def train_step(self, batch, clock):
        for update in super().train_step(batch, clock):
            if update.group == "maker" or batch["source"].flatten()[0] < 0:
                yield update


@LOSSES.register("upside_down")
class UpsideDown(Loss):
    """Grows towards the truth."""

    def __init__(self, **settings):
        super().__init__(**settings)

    def forward(self, a, b):
        return -(a - b).abs().mean()


@LOSSES.register("weightless")
class Weightless(Loss):
    """Ignores its weight."""

    def __init__(self, *, weight: float = 1.0):
        super().__init__()

    def forward(self, a, b):
        return (a - b).abs().mean()


@GAN_LOSSES.register("turned")
class Turned(GANLoss):
    """Takes real for made."""

    def __init__(self, **settings):
        super().__init__(**settings)

    def forward(self, scores, real):
        return (scores - float(not real)).square().mean()


@MAP_LOSSES.register("per_pixel")
class PerPixel(Loss):
    """Gives a loss per pixel."""

    def __init__(self, **settings):
        super().__init__(**settings)

    def forward(self, logits, maps, target):
        return (logits.sigmoid() - maps).square()


class Maps(Target):
    """The mask, as pictures in [-1, 1]."""

    channels = (Channel("foreground", "sigmoid"),)

    def encode(self, labels, spacing=()):
        return (labels > 0)[None].astype(np.float32)

    def as_image(self, maps):
        return 2 * maps - 1

    def from_image(self, picture):
        return (picture + 1) / 2


@TARGETS.register("too_bright")
class TooBright(Maps):
    """Encodes beyond its range."""

    def encode(self, labels, spacing=()):
        return 2 * super().encode(labels)


@TARGETS.register("one_way")
class OneWay(Maps):
    """Does not find back from its pictures."""

    def from_image(self, picture):
        return picture


@TARGETS.register("unsure")
class Unsure(Maps):
    """Takes its maps for half as likely as they are."""

    def likelihood(self, maps):
        return maps[0] / 2


@DECODERS.register("padded")
class Padded(Decoder):
    """Smooths maps, and pads every block for that by itself."""

    reads = frozenset({"mask"})

    def rules(self, voxels):
        def foreground(maps):
            return ndimage.gaussian_filter(maps["mask"], 2.0, mode="nearest") > 0.5

        return Rules(foreground=foreground, reach=(0,) * voxels.dims)


@DECODERS.register("misnumbered")
class Misnumbered(Decoder):
    """Gives nuclei any numbers."""

    reads = frozenset({"mask"})

    def __call__(self, maps, voxels=None):
        return 5 * ndimage.label(maps["mask"] > 0.5)[0].astype(np.int32)


class Network(nn.Module):
    """A layer from channels to channels."""

    def __init__(self, in_channels, out_channels, dims):
        super().__init__()
        self.layer = {2: nn.Conv2d, 3: nn.Conv3d}[dims](in_channels, out_channels, 3, padding=1)

    def forward(self, picture):
        return self.layer(picture)


@GENERATORS.register("unused")
class Unused(Network):
    """Has a layer that it does not use."""

    def __init__(self, in_channels, out_channels, dims):
        super().__init__(in_channels, out_channels, dims)
        self.more = nn.Linear(2, 2)


@GENERATORS.register("cropping")
class Cropping(Network):
    """Gives smaller pictures."""

    def forward(self, picture):
        return self.layer(picture)[..., 2:]


@GENERATORS.register("halved")
class Halved(Network):
    """Says that it codes styles, and cannot decode."""

    serves = ("style coder",)
    style_channels = 2

    def encode(self, picture):
        return self.layer(picture), picture.mean((2, 3))


@DISCRIMINATORS.register("scoreless")
class Scoreless(nn.Module):
    """Gives a number per picture, not scores."""

    def __init__(self, in_channels, dims):
        super().__init__()
        self.layer = nn.Linear(in_channels, 1)

    def forward(self, picture):
        return self.layer(picture.flatten(2).mean(2))


class Made(Dataset):
    """Noise."""

    gives = frozenset({"image"})

    def __init__(self, spec):
        self.spec = spec

    def sample(self, rng, size):
        return Sample(rng.random((1, *size), np.float32))


@DATASETS.register("closed")
class Closed(Made):
    """Does not open."""

    def __init__(self, spec):
        raise ValueError("INDEX is missing")


@DATASETS.register("worldly")
class Worldly(Made):
    """Draws from NumPy's global generator."""

    def sample(self, rng, size):
        return Sample(np.random.random((1, *size)).astype(np.float32))


@DATASETS.register("wide")
class Wide(Made):
    """Gives float64, and more than was asked for."""

    def sample(self, rng, size):
        return Sample(rng.random((1, *(n + 1 for n in size)), np.float32))


@DATASETS.register("here_only")
class HereOnly(Made):
    """Draws something else when it is copied."""

    def __init__(self, spec):
        self.spec, self.shift = spec, 0.5

    def __getstate__(self):
        return {"spec": self.spec, "shift": 0.0}

    def sample(self, rng, size):
        return Sample(rng.random((1, *size), np.float32) - np.float32(self.shift))


@AUGMENTS.register("left_behind")
class LeftBehind(Augment):
    """Mirrors pictures, and leaves labels as they are."""

    def __call__(self, sample, rng, size):
        return Sample(sample.image[..., ::-1], sample.labels, sample.clean[..., ::-1])


@AUGMENTS.register("worldly_noise")
class WorldlyNoise(Augment):
    """Draws noise from NumPy's global generator."""

    def __call__(self, sample, rng, size):
        return Sample(
            sample.image + np.random.normal(0, 0.1, sample.image.shape), sample.labels, sample.clean
        )


@SCALINGS.register("wrapped")
class Wrapped(Scaling):
    """Turns the brightest dark."""

    def __init__(self, **settings):
        super().__init__(**settings)

    def limits(self, raw):
        return float(raw.min()), float(raw.max())

    def curve(self, scaled):
        return np.abs(scaled - np.float32(0.5))


@OPTIMISERS.register("stubborn")
class Stubborn:
    """Has a rate of its own."""

    def __call__(self, parameters, lr):
        class Fixed(torch.optim.SGD):
            def step(self, closure=None):
                for group in self.param_groups:
                    group["lr"] = 0.01
                return super().step(closure)

        return Fixed(list(parameters), lr)


@OPTIMISERS.register("forgetful")
class Forgetful:
    """Counts its steps outside of its state."""

    def __call__(self, parameters, lr):
        class Slowing(torch.optim.SGD):
            steps = 0

            def step(self, closure=None):
                self.steps += 1
                for parameter in self.param_groups[0]["params"]:
                    parameter.grad /= self.steps
                return super().step(closure)

        return Slowing(list(parameters), lr)


@SCHEDULES.register("falling_through")
class FallingThrough:
    """Falls below 0 beyond the end."""

    def __call__(self, clock):
        return 1 - clock.progress


@SCHEDULES.register("counting")
class Counted:
    """Falls whenever it is asked."""

    def __init__(self):
        self.asked = 0

    def __call__(self, clock):
        self.asked += 1
        return 1 / self.asked


@BLENDINGS.register("rimless")
class Rimless(Blending):
    """Gives the rim of a window no weight."""

    def terms(self):
        return ((1.0, lambda length: torch.linspace(0, 1, length)),)


@HOOKS.register("pushing")
class Pushing(Hook):
    """Moves weights."""

    def __init__(self, run):
        pass

    def after_step(self, trainer):
        next(trainer.method.parameters()).data.add_(1.0)


@HOOKS.register("counting_on")
class CountingOn(Hook):
    """Saves how often it was told, and does not read it again."""

    def __init__(self, run):
        self.told = 0

    def after_step(self, trainer):
        self.told += 1

    def state_dict(self):
        return {"told": self.told}


@IMPORTERS.register("crowded")
class Crowded(Importer):
    """Puts two modules into one place."""

    program = "a program, version 1"
    modules = {"a.conv": "network.0", "b.conv": "network.0"}

    def settings(self, weights):
        return {}
