"""What is assumed where a file is silent, said once in the log."""

from __future__ import annotations

import logging

log = logging.getLogger(__name__)

MEND = "set the key SPACING (in prediction DATASET.IMAGE.SPACING)"
"""What to do about a voxel size."""

_SAID: set[str] = set()


def assume(name: str, what: str) -> None:
    """Say what is assumed of a file, unless the same was said of another.

    Args:
        name: of the file.
        what: the assumption, as what follows the name in a sentence.
    """
    if what not in _SAID:
        _SAID.add(what)
        log.info("%s: %s (said once, also for other files)", name, what)
