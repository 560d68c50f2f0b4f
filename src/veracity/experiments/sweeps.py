"""Sweeps: the points of a grid, what each would cost, a script for each, and running those that are not done.

A point is known by the hash of its settings. One that is finished is never run again, whether a sweep or a single
run finished it. Estimates are of the order of magnitude that decides where to run something, and say how they are made.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from veracity.core.config import GridPoint, Settings, expand
from veracity.core.errors import ConfigError, VeracityError
from veracity.core.recipe_files import Recipe, read_recipe
from veracity.experiments.base_models import count_parameters
from veracity.experiments.registry import Cost, Experiment, experiment_of
from veracity.experiments.running import RUNS, finished_identities, run_identity, run_recipe

if TYPE_CHECKING:
    from rich.console import Console

    from veracity.engine.plan import Plan
    from veracity.experiments.outlook import Outlook

LARGEST_TIMED = 100_000_000
"""Parameters up to which seconds on one CPU thread are estimated; more wants a GPU, whose speed is not known here."""
EFFICIENCY = 0.25
"""Share of the speed of a plain matrix product that training and sampling a tiny model reach together."""


@dataclass(frozen=True, slots=True)
class Job:
    """One point, and what running it would take. What cannot be known is None."""

    point: GridPoint[Settings]
    identity: str
    finished: Path | None
    """Folder of the run that has done it already."""
    steps: int | None = None
    operations: float | None = None
    """Floating-point operations."""
    seconds: float | None = None
    """On this machine, with one thread."""
    memory: int | None = None
    """Bytes for weights, gradients and optimizer, over all devices together; activations come on top."""
    disk: int | None = None
    """Bytes of the checkpoints that are kept at the same time."""
    plan: Plan | None = None
    """What would be asked of models, for an experiment that asks; None for a point that is finished."""
    obstacle: str = ""
    """Why it cannot be planned, as a model that cannot be opened; the other points still can."""
    outlook: Outlook | None = None
    """Trainings, samples and judgements, for an experiment that trains by what it asks."""


@dataclass(frozen=True, slots=True)
class SweepPlan:
    """A grid, planned."""

    recipe: Recipe
    source: str
    """The recipe as a command line names it."""
    jobs: tuple[Job, ...]

    @property
    def open(self) -> tuple[Job, ...]:
        """The jobs that are not finished."""
        return tuple(job for job in self.jobs if job.finished is None)

    @property
    def asks(self) -> bool:
        """Whether the points ask models, rather than train one."""
        return any(job.plan is not None or job.obstacle for job in self.jobs)

    @property
    def asked(self) -> Plan:
        """What all open points would ask, each planned by itself; what two of them share is asked, and paid, once."""
        from veracity.engine.plan import Plan

        return Plan(tuple(line for job in self.open if job.plan is not None for line in job.plan.lines))


def plan_sweep(
    source: str | Path, overrides: Sequence[str] = (), *, runs_folder: Path | str = RUNS, speed: float | None = None
) -> SweepPlan:
    """Every point of a recipe's grid with its cost; nothing is run, asked or written.

    Args:
        source: A recipe by name or path.
        overrides: `a.b=c` settings; a list is an axis here too.
        runs_folder: Where finished points are looked for.
        speed: Billions of floating-point operations a second of one thread (`core.threads`); None leaves out seconds.

    Raises:
        ConfigError: a setting of any point is wrong.
    """
    recipe = read_recipe(source, overrides)
    experiment = experiment_of(recipe)
    finished = finished_identities(runs_folder)
    jobs = tuple(_job(recipe, experiment, point, finished, speed) for point in expand(experiment.settings, recipe))
    return SweepPlan(recipe, str(source), jobs)


def run_sweep(
    plan: SweepPlan,
    overrides: Sequence[str] = (),
    *,
    runs_folder: Path | str = RUNS,
    console: Console,
) -> list[Path]:
    """Run the points that are not finished, one after the other, and give the folders of all.

    `overrides` are those that the plan was made with. A point that fails does not stop the others.

    Raises:
        VeracityError: after the last point, naming those that failed.
    """
    folders, failed = [], []
    for number, job in enumerate(plan.jobs, start=1):
        console.print(f"[{number}/{len(plan.jobs)}] {job.point.id}", markup=False, highlight=False)
        if job.finished is not None:
            console.print(f"  finished already: {job.finished}", markup=False, highlight=False)
            folders.append(job.finished)
            continue
        try:
            folders.append(run_recipe(plan.source, _settled(overrides, job), runs_folder=runs_folder, console=console))
        except VeracityError as error:  # the other points are independent of this one
            console.print(f"  failed: {error}", markup=False, highlight=False, style="red")
            failed.append(job.point.id)
    if failed:
        raise VeracityError(
            f"{len(failed)} of {len(plan.jobs)} points failed, run again to retry them: {'; '.join(failed)}"
        )
    return folders


def write_scripts(
    plan: SweepPlan,
    folder: Path,
    overrides: Sequence[str] = (),
    *,
    runs_folder: Path | str = RUNS,
    command: str = "veracity",
) -> list[Path]:
    """One shell script a point that is not finished, and all_jobs.sh, which runs them in order.

    Raises:
        ConfigError: there is something in `folder` already.
    """
    if folder.exists() and any(folder.iterdir()):
        raise ConfigError(f"{folder}: is not empty; choose another folder for the scripts")
    folder.mkdir(parents=True, exist_ok=True)
    source = str(Path(plan.source).resolve()) if Path(plan.source).is_file() else plan.source
    runs = shlex.quote(str(Path(runs_folder).resolve()))
    scripts = []
    for number, job in enumerate(plan.open):
        arguments = shlex.join([source, *_settled(overrides, job)])
        slug = re.sub(r"[^A-Za-z0-9=._-]+", "_", job.point.id)[:80]
        scripts.append(_script(folder / f"{number:03d}_{slug}.sh", f"exec {command} run {arguments} --runs {runs}"))
    lines = [f'bash "$here/{script.name}"' for script in scripts]
    return [*scripts, _script(folder / "all_jobs.sh", "\n".join(['here="$(cd "$(dirname "$0")" && pwd)"', *lines]))]


def _job(
    recipe: Recipe, experiment: Experiment, point: GridPoint[Settings], finished: dict[str, Path], speed: float | None
) -> Job:
    identity = run_identity(recipe, point.settings)
    if experiment.outlook is not None:
        return _training(experiment.outlook, point, identity, finished.get(identity))
    if experiment.prepare is not None and identity not in finished:
        plan, obstacle = _asking(experiment, point.settings)
        return Job(point, identity, None, plan=plan, obstacle=obstacle)
    if experiment.cost is None:
        return Job(point, identity, finished.get(identity))
    cost: Cost = experiment.cost(point.settings)
    parameters = count_parameters(cost.model)
    if parameters is None:
        return Job(point, identity, finished.get(identity), cost.training_steps)
    operations = parameters * (6.0 * cost.training_tokens + 2.0 * cost.probe_tokens)
    return Job(
        point,
        identity,
        finished.get(identity),
        steps=cost.training_steps,
        operations=operations,
        seconds=operations / (speed * 1e9 * EFFICIENCY) if speed and parameters <= LARGEST_TIMED else None,
        memory=parameters * cost.state_bytes,
        disk=parameters * cost.checkpoint_bytes * cost.checkpoints,
    )


def _training(
    outlook_of: Callable[[Any], Outlook], point: GridPoint[Settings], identity: str, folder: Path | None
) -> Job:
    """A point of an experiment that trains: known from its settings, unless it is in data that are not here."""
    from veracity.experiments.outlook import plan_of

    try:
        outlook = outlook_of(point.settings)
        return Job(point, identity, folder, plan=None if folder else plan_of(outlook), outlook=outlook)
    except VeracityError as error:  # the other points are independent of this one
        return Job(point, identity, folder, obstacle=str(error))


def _asking(experiment: Experiment, settings: Settings) -> tuple[Plan | None, str]:
    """The plan of one point, or why there is none. Its models are opened for it and let go again."""
    if experiment.prepare is None:
        return None, ""
    try:
        return experiment.prepare(settings).plan, ""
    except VeracityError as error:  # the other points are independent of this one
        return None, str(error)


def _settled(overrides: Sequence[str], job: Job) -> list[str]:
    """The overrides of one point: those of the sweep, its axes replaced by the values that they have here."""
    varied = {text.partition("=")[0] for text in job.point.overrides}
    return [*(text for text in overrides if text.partition("=")[0] not in varied), *job.point.overrides]


def _script(path: Path, body: str) -> Path:
    path.write_text(f"#!/usr/bin/env bash\nset -euo pipefail\n{body}\n", encoding="utf-8")
    path.chmod(0o755)
    return path
