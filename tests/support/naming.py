"""What a message must name, in whatever words."""

import re


def names(text, *parts):
    """All `parts` stand in `text`, each for itself: 8 is not in 80, nor SOLVER.LR in SOLVER.LRR."""
    missing = [
        part for part in parts if not re.search(rf"(?<![\w.-]){re.escape(str(part))}(?!\.?\w)", str(text))
    ]
    assert not missing, f"{missing} not in: {text}"
