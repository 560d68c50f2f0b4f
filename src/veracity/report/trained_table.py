"""The models that a run trained, by the names under which everything else finds them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from veracity.models.kinds.trained import TrainedModel, trained_in
from veracity.report.tables import Table

_TITLE = "Models that it trained"
_NOTE = (
    "Such a name is taken wherever a model is: `veracity run factuality model=NAME`, `veracity serve NAME`, "
    "`veracity.load(NAME)`, in the folder where runs/ is. Each is a complete model folder, runs/RUN/models/…, with "
    "lineage.json and training.json (every step)."
)
_MOST = 3
"""Names in one line of a terminal."""


def with_trained(details: Sequence[Table], run_folder: Path) -> list[Table]:
    """`details`, with a table of the run's models before them where there are any."""
    rows = [
        [one.name, one.trainer, f"{one.steps:,}", Path(one.parent.partition("?")[0]).name]
        for one in _as_made(run_folder)
    ]
    return [*([Table(_TITLE, ("", "by", "steps", "from"), rows, _NOTE)] if rows else []), *details]


def trained_line(run_folder: Path) -> str:
    """`trained: trained/run/sft-0, …` for a terminal; empty where nothing was trained."""
    names = [one.name for one in _as_made(run_folder)]
    if not names:
        return ""
    more = f" and {len(names) - _MOST} before (`veracity models` lists them)" if len(names) > _MOST else ""
    return f"trained: {', '.join(names[-_MOST:])}{more}"


def _as_made(run_folder: Path) -> list[TrainedModel]:
    """In the order in which they were finished."""
    return sorted(trained_in(run_folder), key=lambda one: (one.folder / "lineage.json").stat().st_mtime_ns)
