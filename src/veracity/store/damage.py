"""Damaged files are never deleted and never trusted: they are moved aside, and the user is told their name."""

from __future__ import annotations

import logging
from pathlib import Path

from veracity.core.errors import StoreError

logger = logging.getLogger("veracity.store")


class DamagedError(StoreError):
    """A file or folder of ours is not what was written: torn, truncated or overwritten."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} is damaged ({reason}); run the experiment again to have it made anew")
        self.path, self.reason = path, reason


def aside_name(path: Path) -> Path:
    """The first free name of the form `<name>.damaged-<n>` beside `path`."""
    number = 1
    while (aside := path.with_name(f"{path.name}.damaged-{number}")).exists():
        number += 1
    return aside


def move_aside(path: Path, reason: str) -> Path:
    """Rename a damaged file or folder, which will be made anew, and warn the user; returns the new name."""
    aside = path.rename(aside_name(path))
    logger.warning("%s is damaged (%s); it was moved to %s and will be made anew", path, reason, aside.name)
    return aside
