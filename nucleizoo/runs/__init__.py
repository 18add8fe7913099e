"""A run folder: everything needed to repeat, resume and use a training.

config.yaml          the whole configuration
run.json             versions, commit, hardware, when
files.json           the files that it draws from: size and checksum of the beginning
log.jsonl            one line of losses every few iterations
checkpoints/         the latest two, for --resume
weights.safetensors  the networks, for prediction
snapshots/           picture panels
events.*             the same for TensorBoard
"""

from nucleizoo.runs.provenance import circumstances, origin
from nucleizoo.runs.run import Run
from nucleizoo.runs.saved_state import weights_of

__all__ = ["Run", "circumstances", "origin", "weights_of"]
