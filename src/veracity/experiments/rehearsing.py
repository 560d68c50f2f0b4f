"""A dry run: every stage of a recipe on a few prompts, with small random models and judges that only keep to the form.

What a run at full size would stumble over after hours (a setting that its trainer refuses, a prompt without a parser, a
stage that nobody can play) is met here in seconds. Its numbers mean nothing, and it is no run of the recipe: it writes
into a folder of its own, which is removed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from veracity.core.config import Source, expand
from veracity.core.errors import ConfigError
from veracity.core.recipe_files import read_recipe
from veracity.experiments.registry import experiment_of

if TYPE_CHECKING:
    from rich.console import Console

    from veracity.training.lineage import Lineage


@dataclass(frozen=True, slots=True)
class RehearsedTraining:
    """A trainer that was reached, with what reached it."""

    name: str
    trainer: str
    steps: int
    settings: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """What a dry run went through."""

    trainings: tuple[RehearsedTraining, ...]
    tables: tuple[str, ...]
    """The stages that were computed, in their order."""
    failures: Mapping[str, int]
    """Programs that failed, by what they failed with; an understudy's word that cannot be read is one."""
    changes: Mapping[str, str]
    """What it did otherwise than the recipe, by what it is about."""
    seconds: float


def rehearse(source: Source, overrides: Sequence[str] = (), *, console: Console | None = None) -> Rehearsal:
    """Dry-run the first point of a recipe.

    Raises:
        ConfigError: the recipe or a setting is wrong, or its experiment cannot be rehearsed.
        VeracityError: whatever the run itself would stumble over.
    """
    from rich.console import Console as RichConsole

    from veracity.experiments.understudies import Understudies
    from veracity.store.run import Run

    recipe = read_recipe(source, overrides)
    experiment = experiment_of(recipe)
    if experiment.rehearsal is None:
        raise ConfigError(f"{experiment.name} cannot be rehearsed; run it with smaller settings instead")
    settings, started = expand(experiment.settings, recipe)[0].settings, time.monotonic()
    with TemporaryDirectory(prefix="veracity-rehearsal-") as made, _own_cache(Path(made) / "cache"):
        cast = Understudies(Path(made))
        small = experiment.rehearsal(settings, cast)
        with Run.open(Path(made) / "run") as run:
            experiment.run(small, run, console or RichConsole(quiet=True))
            stages = tuple(e["stage"] for e in run.events() if e.get("event") == "computing" and "stage" in e)
            failures = _counted(run.read_table("failures")) if "failures" in run.tables() else {}
        return Rehearsal(_trainings(Path(made) / "run"), stages, failures, cast.changes, time.monotonic() - started)


@contextmanager
def _own_cache(folder: Path) -> Iterator[None]:
    """What is asked in a rehearsal is not kept in the project's ledger."""
    before = os.environ.get("VERACITY_CACHE")
    os.environ["VERACITY_CACHE"] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ["VERACITY_CACHE"]
        else:
            os.environ["VERACITY_CACHE"] = before


def _trainings(run: Path) -> tuple[RehearsedTraining, ...]:
    from veracity.training.lineage import read_lineage

    read: dict[str, Lineage] = {f.parent.name: read_lineage(f.parent) for f in run.glob("models/*/lineage.json")}
    return tuple(RehearsedTraining(name, one.trainer, one.steps, one.settings) for name, one in sorted(read.items()))


def _counted(failures: Any) -> dict[str, int]:
    counts: dict[str, int] = {}
    for kind in failures["kind"]:
        counts[kind] = counts.get(kind, 0) + 1
    return counts
