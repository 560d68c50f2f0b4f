"""A run folder that is there to be reported."""

from __future__ import annotations

from pathlib import Path

from veracity.core.errors import StoreError
from veracity.store.run import RunFolder


def stored_run(run_folder: Path) -> RunFolder:
    """The folder, to read from; StoreError where there is none, instead of an empty page."""
    if not Path(run_folder).is_dir():
        raise StoreError(f"{run_folder}: there is no such run folder; `veracity runs` lists those there are")
    return RunFolder(run_folder)
