"""The kinds of things a configuration can name, and the call that each kind promises."""

from nucleizoo.core.registry import Registry

METHODS = Registry("method", "Entry(task, **settings) -> contracts.Method")
GENERATORS = Registry("generator", "Entry(in_channels, out_channels, dims, **settings) -> nn.Module")
DISCRIMINATORS = Registry("discriminator", "Entry(in_channels, dims, **settings) -> nn.Module")
LOSSES = Registry("loss", "Entry(**settings) -> contracts.Loss of two tensors of one shape")
GAN_LOSSES = Registry(
    "adversarial loss", "Entry(**settings) -> contracts.Loss of scores and the verdict wanted"
)
MAP_LOSSES = Registry(
    "segmentation loss", "Entry(**settings) -> contracts.Loss of logits, true maps and the Target"
)
TARGETS = Registry("target", "Entry(**settings) -> contracts.Target")
DECODERS = Registry("decoder", "Entry(**settings) -> contracts.Decoder")
DATASETS = Registry("dataset", "Entry(spec, **settings) -> contracts.Dataset")
AUGMENTS = Registry("augment", "Entry(**settings) -> contracts.Augment")
SCALINGS = Registry("scaling", "Entry(**settings) -> contracts.Scaling")

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
}
"""Every registry under the name that the command line and plugins use."""
