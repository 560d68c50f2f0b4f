"""From a recipe to a finished run folder: resolve, name, open, run; and the list of what was run.

A run is named after its recipe, plus a part of its settings' hash when they were overridden: the same recipe with the
same settings continues in the same folder, other settings get another one.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from veracity.core.config import Settings, Source, load_settings
from veracity.core.errors import ConfigError
from veracity.core.identity import content_hash
from veracity.core.recipe_files import Recipe, read_recipe
from veracity.core.registry import nearest
from veracity.experiments.registry import Experiment, experiment_of
from veracity.store.run import Run, RunFolder, runs
from veracity.training.arguments import check_loggers
from veracity.training.launcher import Launch

if TYPE_CHECKING:
    from rich.console import Console

    from veracity.engine.plan import Plan

RUNS = Path("runs")
RunState = Literal["finished", "running", "interrupted", "failed", "killed"]
"""`interrupted` by Ctrl-C, `failed` with an error, `killed` without a word; each continues when it is run again."""


@dataclass(frozen=True, slots=True)
class RunRow:
    """One line of the list of runs."""

    name: str
    recipe: str
    identity: str
    """Hash of experiment and settings; empty for a folder that `run_recipe` did not make."""
    overrides: str
    """The settings that were changed, as on the command line."""
    state: RunState
    started: str
    """Time of the first opening, UTC, as `2026-01-31 09:30`."""
    seconds: float | None
    """Wall time of the session that finished the run."""


def run_recipe(
    source: Source,
    overrides: Sequence[str] = (),
    *,
    runs_folder: Path | str = RUNS,
    console: Console | None = None,
    name: str | None = None,
    approve: Callable[[Plan], None] | None = None,
) -> Path:
    """Run a recipe, or continue it; the finished run's folder is returned.

    Under `accelerate launch` every process calls this; all but the first get a run folder that they can only read.

    Args:
        source: A recipe by name or path, or its values (with the key `experiment`).
        overrides: `a.b=c` settings that win over the recipe's.
        runs_folder: Folder that holds the runs.
        console: Where progress is shown; a new Rich console by default.
        name: Name of the run's folder; from recipe and settings by default.
        approve: Hears what an experiment that asks models would ask and cost, before it asks or writes anything; what
            it raises ends the run. Not called for a run that is finished.

    Raises:
        ConfigError: the recipe or a setting is wrong; nothing was written.
        MissingExtraError: a training is to be logged by what is not installed; nothing was written.
        VeracityError: whatever the experiment refuses.
    """
    from rich.console import Console

    recipe = read_recipe(source, overrides)
    experiment = experiment_of(recipe)
    settings = load_settings(experiment.settings, recipe)
    check_loggers(settings)
    folder = Path(runs_folder) / (name or run_name(recipe, settings))
    if not Launch.from_environment().is_main:  # the first process writes, the others only train with it
        experiment.run(settings, RunFolder(folder), Console(quiet=True))
        return folder
    done = _is_done(folder, run_identity(recipe, settings))
    work = _approved(experiment, settings, RunFolder(folder), None if done else approve)
    with Run.open(folder) as run:
        about = {"recipe": recipe.name, "experiment": experiment.name, "overrides": list(overrides)}
        run.log("recipe", **about, identity=run_identity(recipe, settings))
        work(run, console or Console())
    return folder


def _approved(
    experiment: Experiment, settings: Settings, folder: RunFolder, approve: Callable[[Plan], None] | None
) -> Callable[[Any, Any], None]:
    """What is to be done with the open run, once its plan is approved."""
    prepared = experiment.prepared(settings, folder) if approve is not None else None
    if approve is None or prepared is None:
        return lambda run, console: experiment.run(settings, run, console)
    approve(prepared.plan)
    return prepared.run


def _is_done(folder: Path, identity: str) -> bool:
    """Whether this very work is finished there."""
    return RunFolder(folder).complete and _row(RunFolder(folder)).identity == identity


def run_identity(recipe: Recipe, settings: Settings) -> str:
    """What makes two runs the same work: the experiment and its resolved settings."""
    return content_hash({"experiment": recipe.experiment, "settings": settings})


def run_name(recipe: Recipe, settings: Settings) -> str:
    """`gv-gap-demo` for a recipe as it stands in its file, `gv-gap-demo-1a2b3c4d` for other settings of it."""
    if recipe.name and recipe.as_written:
        return recipe.name
    return f"{recipe.name or recipe.experiment}-{run_identity(recipe, settings)[:8]}"


def list_runs(runs_folder: Path | str = RUNS) -> list[RunRow]:
    """The runs in a folder, oldest first."""
    return sorted((_row(folder) for folder in runs(runs_folder)), key=lambda row: (row.started, row.name))


def find_run(name_or_folder: str, runs_folder: Path | str = RUNS) -> Path:
    """The folder of a run given by name or by path; ConfigError with the nearest name if there is none."""
    known = {folder.path.name: folder.path for folder in runs(runs_folder)}
    if name_or_folder in known:
        return known[name_or_folder]
    path = Path(name_or_folder)
    if path.name in {folder.path.name for folder in runs(path.parent)}:
        return path
    hint = nearest(name_or_folder, sorted(known)) or "; `veracity runs` lists them"
    raise ConfigError(f"there is no run {name_or_folder!r} in {runs_folder}{hint}")


def newest_run(runs_folder: Path | str = RUNS) -> Path:
    """The folder of the finished run that was started last; ConfigError if there is none."""
    finished = [row for row in list_runs(runs_folder) if row.state == "finished"]
    if not finished:
        raise ConfigError(f"no finished run in {runs_folder}; `veracity demo` makes the first")
    return Path(runs_folder) / finished[-1].name


def finished_identities(runs_folder: Path | str = RUNS) -> dict[str, Path]:
    """Where each finished piece of work lies, by `run_identity`."""
    rows = [row for row in list_runs(runs_folder) if row.state == "finished" and row.identity]
    return {row.identity: Path(runs_folder) / row.name for row in rows}


def _row(folder: RunFolder) -> RunRow:
    events = folder.events()
    manifest = folder.manifest() or {}
    about: dict[str, Any] = next((event for event in reversed(events) if event.get("event") == "recipe"), {})
    return RunRow(
        name=folder.path.name,
        recipe=about.get("recipe", ""),
        identity=about.get("identity", ""),
        overrides=" ".join(about.get("overrides", ())),
        state=_state(folder, events),
        started=_minute(str(events[0].get("time", ""))) if events else "",
        seconds=manifest.get("wall_s"),
    )


def _state(folder: RunFolder, events: list[dict[str, Any]]) -> RunState:
    if folder.complete:
        return "finished"
    if folder.held:
        return "running"
    last = events[-1].get("event") if events else None
    return last if last in ("interrupted", "failed") else "killed"


def _minute(timestamp: str) -> str:
    try:
        return f"{datetime.fromisoformat(timestamp):%Y-%m-%d %H:%M}"
    except ValueError:
        return ""
