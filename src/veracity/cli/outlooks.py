"""What a training experiment would take, and what a dry run of it went through, in tables."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console

    from veracity.experiments.outlook import Outlook, PlannedTraining
    from veracity.experiments.rehearsing import Rehearsal


def show_plan(recipe: str, overrides: list[str], runs_folder: Path, name: str | None) -> None:
    """Print what the first point of a recipe would take, less what a run of that name holds where it counts.

    Raises:
        ConfigError: an experiment that cannot say.
    """
    from veracity.cli.console import make_console
    from veracity.cli.plans import print_plan
    from veracity.core.config import expand
    from veracity.core.errors import ConfigError
    from veracity.core.recipe_files import read_recipe
    from veracity.experiments.outlook import plan_of
    from veracity.experiments.registry import experiment_of
    from veracity.experiments.running import run_name
    from veracity.store.run import RunFolder

    read, console = read_recipe(recipe, overrides), make_console()
    experiment = experiment_of(read)
    settings = expand(experiment.settings, read)[0].settings
    if experiment.outlook is not None:
        outlook = experiment.outlook(settings)
        print_outlook(outlook, console)
        print_plan(plan_of(outlook), console)
    elif prepared := experiment.prepared(settings, RunFolder(runs_folder / (name or run_name(read, settings)))):
        print_plan(prepared.plan, console)
    else:
        raise ConfigError(f"{experiment.name} is planned by `veracity sweep plan {recipe}`")


def print_outlook(outlook: Outlook, console: Console) -> None:
    """Trainings with steps, memory of a device, and the smallest shipped cluster; samples and judgements."""
    from rich.table import Table

    from veracity.core.errors import ConfigError
    from veracity.experiments.base_models import configuration_of
    from veracity.experiments.outlook import GPU_BYTES

    try:
        configuration = configuration_of(outlook.model)
    except ConfigError as error:
        configuration = None
        console.print(f"memory is not known: {error}", markup=False, highlight=False, soft_wrap=True)
    table = Table("training", "by", box=None, header_style="bold", pad_edge=False)
    for title in ("models", "rows", "steps", "one GPU", "cluster", "each GPU"):
        table.add_column(title, justify="right")
    for one in outlook.trainings:
        table.add_row(
            one.name, one.trainer, str(one.times), f"{one.rows:,}", f"{one.steps:,}", *_memory(one, configuration)
        )
    console.print(table)
    for remark in outlook.remarks:
        console.print(remark, markup=False, highlight=False, soft_wrap=True)
    console.print(
        f"{outlook.samples:,} texts sampled, at most {outlook.sampled_tokens:,} tokens; {outlook.judged:,} judged",
        highlight=False,
    )
    passes = sorted({one.settings.accumulation for one in outlook.trainings})
    if len(passes) > 1:
        told = ", ".join(map(str, passes))
        console.print(f"accumulation differs ({told}): on several GPUs, where the launcher is told one, set all alike")
    told = f"--accumulation {passes[0]} " if len(passes) == 1 and passes[0] > 1 else ""
    console.print(
        f"rows and steps: at most, of each model; memory: of training, without what generation keeps; cluster: the "
        f"smallest shipped one of {GPU_BYTES // 10**9} GB GPUs (`veracity launch {told}CLUSTER run …`)",
        style="dim",
    )


def show_rehearsal(recipe: str, overrides: list[str]) -> None:
    """Dry-run a recipe and print what it went through."""
    from veracity.cli.console import hide_library_bars, make_console
    from veracity.experiments.rehearsing import rehearse

    hide_library_bars()
    console = make_console()
    print_rehearsal(rehearse(recipe, overrides, console=console), console)


def print_rehearsal(done: Rehearsal, console: Console) -> None:
    """Trainers that were reached, stages, failures, and what was otherwise than in the recipe."""
    from rich.table import Table

    table = Table("model", "trainer", "steps", box=None, header_style="bold", pad_edge=False)
    for one in done.trainings:
        table.add_row(one.name, one.trainer, str(one.steps))
    console.print(table)
    stages = sum(not stage.startswith("failures") for stage in done.tables)
    failed = ", ".join(f"{count} {kind}" for kind, count in done.failures.items()) or "none"
    console.print(f"{stages} stages in {done.seconds:.0f} s; failures: {failed}", highlight=False)
    for what, how in done.changes.items():
        console.print(f"  {what}: {how}", markup=False, highlight=False, soft_wrap=True)
    console.print("every stage can be run and read; the numbers of a dry run mean nothing", style="dim")


def _memory(training: PlannedTraining, configuration: Any) -> tuple[str, str, str]:
    """Memory of one device alone, the smallest shipped cluster, and memory of each of its devices."""
    from veracity.experiments.outlook import memory_on, placement, size_in
    from veracity.training.clusters import cluster

    if configuration is None:
        return "?", "?", "?"
    size = size_in(training, configuration)
    alone, placed = memory_on(training, size, cluster("one-gpu")), placement(training, size)
    where = ("none", "–") if placed is None else (placed.cluster.name, _gigabytes(placed.memory.total))
    return _gigabytes(alone.total), *where


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:,.0f} GB" if count >= 1e9 else f"{count / 1e6:,.0f} MB"
