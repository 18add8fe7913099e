"""Warnings about files that are read again and again."""

from __future__ import annotations

import logging
from functools import cache


@cache
def warn_once(logger: logging.Logger, message: str) -> None:
    """Log a warning, unless this process has logged the same one already."""
    logger.warning("%s", message)
