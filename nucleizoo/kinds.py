"""The kinds of things a configuration can name, and the call that each kind promises."""

from nucleizoo.core.registry import Registry

METHODS = Registry("method", "Entry(task, **settings) -> contracts.Method")
GENERATORS = Registry(
    "generator", "Entry(in_channels, out_channels, dims, **settings) -> nn.Module", role="translator"
)
"""Roles: 'translator', a picture (B, C, *S) to channels of the same size; 'segmenter', the same where the
channels are maps; 'domain coder', which encodes and decodes by a domain label; 'style coder', which
separates content and style; 'variational coder', which encodes a distribution and decodes by a domain label.
`contracts.networks` says how each is called."""
DISCRIMINATORS = Registry("discriminator", "Entry(in_channels, dims, **settings) -> nn.Module", role="critic")
"""Roles: 'critic', called with pictures; 'multi-head critic', which gives several scores; 'domain critic',
called with pictures and the domains they are claimed to be of; 'distribution critic', with the result of its
own `profile` of pictures; see `contracts.networks`. A critic that gives no score for small pictures sets
`smallest`, the shortest side allowed, and `smallest_advice`, settings that help."""
LOSSES = Registry("loss", "Entry(**settings) -> contracts.Loss of two tensors of one shape")
GAN_LOSSES = Registry(
    "adversarial loss", "Entry(**settings) -> contracts.GANLoss of scores and the verdict wanted"
)
MAP_LOSSES = Registry(
    "segmentation loss", "Entry(**settings) -> contracts.Loss of logits, true maps and the Target"
)
TARGETS = Registry("target", "Entry(**settings) -> contracts.Target")
DECODERS = Registry("decoder", "Entry(**settings) -> contracts.Decoder")
DATASETS = Registry("dataset", "Entry(spec, **settings) -> contracts.Dataset")
AUGMENTS = Registry("augment", "Entry(**settings) -> contracts.Augment")
SCALINGS = Registry("scaling", "Entry(**settings) -> contracts.Scaling")
OPTIMISERS = Registry(
    "optimiser", "Entry(**settings), called with parameters and a learning rate -> torch.optim.Optimizer"
)
SCHEDULES = Registry("schedule", "Entry(**settings), called with a contracts.Clock -> factor of the rate")
BLENDINGS = Registry("blending", "Entry(**settings) -> contracts.Blending")
HOOKS = Registry("hook", "Entry(run, **settings) -> contracts.Hook")
IMPORTERS = Registry("importer", "Entry(**settings) -> contracts.Importer")

KINDS = {
    "METHODS": METHODS,
    "GENERATORS": GENERATORS,
    "DISCRIMINATORS": DISCRIMINATORS,
    "LOSSES": LOSSES,
    "GAN_LOSSES": GAN_LOSSES,
    "MAP_LOSSES": MAP_LOSSES,
    "TARGETS": TARGETS,
    "DECODERS": DECODERS,
    "DATASETS": DATASETS,
    "AUGMENTS": AUGMENTS,
    "SCALINGS": SCALINGS,
    "OPTIMISERS": OPTIMISERS,
    "SCHEDULES": SCHEDULES,
    "BLENDINGS": BLENDINGS,
    "HOOKS": HOOKS,
    "IMPORTERS": IMPORTERS,
}
"""Every registry under the name that the command line and plugins use."""
