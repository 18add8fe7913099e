"""Names from before 0.1.0 and their new ones: an old name is refused, and the message gives the new one.

The table is for messages only: nothing here makes an old name work.
"""

from __future__ import annotations

ENTRIES = {
    ("dataset", "folder"): "images",
    ("dataset", "volumes"): "labelled",
    ("blending", "tent"): "linear",
    ("blending", "centre"): "cysgan",
}
"""Kind and old name of an entry -> its new name."""

KEYS = {
    "METHOD.GENERATOR": "METHOD.NETWORK",
    "SOLVER.NAME": "SOLVER.OPTIMISER.NAME",
    "SOLVER.BETAS": "SOLVER.OPTIMISER.BETAS",
    "SOLVER.WEIGHT_DECAY": "SOLVER.OPTIMISER.WEIGHT_DECAY",
    "SOLVER.DECAY_ALL": "SOLVER.OPTIMISER.DECAY_ALL",
    "SOLVER.HOLD": "SOLVER.SCHEDULE.HOLD",
}
"""Old key of a configuration -> its new key, where the old one no longer exists."""

SLOTS = ("SOLVER.SCHEDULE", "INFERENCE.BLENDING")
"""Keys that used to hold a word and are now slots, which name an entry."""

NAMES = {
    "SOURCES": "DATASETS",
    "Source": "Dataset",
    "Frame": "DataSpec",
    "Part": "Recipe",
    "part": "recipe",
}
"""Old name of what plugins import or call -> its new name."""

ATTRIBUTES = {"judges": "serves"}
"""Old attribute of an entry, which would be ignored -> its new name."""

MODULES = {
    "nucleizoo.batches": "nucleizoo.training.batches",
    "nucleizoo.contracts.critic": "nucleizoo.contracts.networks",
    "nucleizoo.contracts.source": "nucleizoo.contracts.dataset",
    "nucleizoo.core.words": "nucleizoo.core.format",
    "nucleizoo.datasets": "nucleizoo.published",
    "nucleizoo.engine": "nucleizoo.training",
    "nucleizoo.engine.estimates": "nucleizoo.training.autoconfig",
    "nucleizoo.engine.hooks": "nucleizoo.training.hooks",
    "nucleizoo.engine.inference": "nucleizoo.inference.segmenter",
    "nucleizoo.engine.interrupt": "nucleizoo.training.signals",
    "nucleizoo.engine.meeting": "nucleizoo.training.distributed.rendezvous",
    "nucleizoo.engine.outputs": "nucleizoo.inference.writers",
    "nucleizoo.engine.randomness": "nucleizoo.training.randomness",
    "nucleizoo.engine.ranks": "nucleizoo.training.distributed.ranks",
    "nucleizoo.engine.report": "nucleizoo.training.report",
    "nucleizoo.engine.samples": "nucleizoo.training.export_samples",
    "nucleizoo.engine.session": "nucleizoo.training.session",
    "nucleizoo.engine.solver": "nucleizoo.training.solver",
    "nucleizoo.engine.statistics": "nucleizoo.training.norm_statistics",
    "nucleizoo.engine.tables": "nucleizoo.inference.nuclei_table",
    "nucleizoo.engine.together": "nucleizoo.training.distributed.process_group",
    "nucleizoo.engine.trainer": "nucleizoo.training.trainer",
    "nucleizoo.engine.trials": "nucleizoo.experiments.trials",
    "nucleizoo.engine.truth": "nucleizoo.training.validation",
    "nucleizoo.engine.unlabelled": "nucleizoo.training.label_free",
    "nucleizoo.large": "nucleizoo.blockwise",
    "nucleizoo.metrics.doubts": "nucleizoo.preprocess.label_doubts",
    "nucleizoo.metrics.sanity": "nucleizoo.preprocess.label_doubts",
    "nucleizoo.ops.adain": "nucleizoo.ops.nn.adain",
    "nucleizoo.ops.blending": "nucleizoo.ops.nn.blending",
    "nucleizoo.ops.crops": "nucleizoo.ops.image.crops",
    "nucleizoo.ops.degrade": "nucleizoo.ops.image.degrade",
    "nucleizoo.ops.device": "nucleizoo.ops.nn.device",
    "nucleizoo.ops.distance": "nucleizoo.ops.labels.distance",
    "nucleizoo.ops.distribution": "nucleizoo.ops.image.histogram",
    "nucleizoo.ops.edges": "nucleizoo.ops.labels.edges",
    "nucleizoo.ops.ellipsoids": "nucleizoo.ops.synthesis.ellipsoids",
    "nucleizoo.ops.flood": "nucleizoo.ops.labels.watershed",
    "nucleizoo.ops.gather": "nucleizoo.ops.nn.joint_backward",
    "nucleizoo.ops.geometry": "nucleizoo.ops.image.geometry",
    "nucleizoo.ops.histogram": "nucleizoo.ops.image.histogram_matching",
    "nucleizoo.ops.intensity": "nucleizoo.ops.image.intensity",
    "nucleizoo.ops.layers": "nucleizoo.ops.nn.layers",
    "nucleizoo.ops.layout": "nucleizoo.ops.nn.layout",
    "nucleizoo.ops.overlay": "nucleizoo.ops.labels.overlay",
    "nucleizoo.ops.pieces": "nucleizoo.ops.labels.block_components",
    "nucleizoo.ops.pool": "nucleizoo.ops.nn.image_pool",
    "nucleizoo.ops.rendering": "nucleizoo.ops.synthesis.rendering",
    "nucleizoo.ops.resize": "nucleizoo.ops.image.resize",
    "nucleizoo.ops.rules": "nucleizoo.ops.labels.rules",
    "nucleizoo.ops.sizing": "nucleizoo.ops.synthesis.nucleus_size",
    "nucleizoo.ops.statistics": "nucleizoo.ops.nn.norm_statistics",
    "nucleizoo.ops.texture": "nucleizoo.ops.synthesis.texture",
    "nucleizoo.ops.thin": "nucleizoo.ops.nn.one_channel_conv",
    "nucleizoo.ops.waists": "nucleizoo.ops.labels.split_touching",
    "nucleizoo.ops.warp": "nucleizoo.ops.image.warp",
    "nucleizoo.ops.watershed": "nucleizoo.ops.labels.components",
    "nucleizoo.ops.windows": "nucleizoo.ops.nn.sliding_window",
    "nucleizoo.reading": "nucleizoo.preprocess",
    "nucleizoo.volumes": "nucleizoo.io",
    "nucleizoo.workers": "nucleizoo.training.workers",
}
"""Old module -> new module."""
