"""`veracity sweep`: a recipe with lists is a grid; say what it would cost, write scripts for it, or run it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from veracity.experiments.sweeps import SweepPlan

app = typer.Typer(help="Grids: lists in a recipe are axes, every combination is a job.", no_args_is_help=True)

Recipe = Annotated[str, typer.Argument(help="Name or path of a recipe.")]
Overrides = Annotated[
    list[str] | None, typer.Argument(metavar="[a.b=c]...", help="Settings to change; `a.b=[1,2]` adds an axis.")
]
RunsFolder = Annotated[Path, typer.Option("--runs", help="Folder that holds the runs.")]


@app.command()
def plan(
    recipe: Recipe,
    overrides: Overrides = None,
    runs_folder: RunsFolder = Path("runs"),
    scripts: Annotated[Path | None, typer.Option(help="Write one shell script a job into this new folder.")] = None,
    command: Annotated[
        str, typer.Option(help="How the scripts call Veracity, as `accelerate launch -m veracity`.")
    ] = "veracity",
) -> None:
    """Print the jobs with what each would cost, without running them."""
    from veracity.cli.console import make_console
    from veracity.experiments.sweeps import write_scripts

    planned = _planned(recipe, overrides or [], runs_folder)
    _print_plan(planned, make_console())
    if scripts is not None:
        written = write_scripts(planned, scripts, overrides or [], runs_folder=runs_folder, command=command)
        typer.echo(f"{len(written) - 1} scripts and {written[-1]}")


@app.command()
def run(
    recipe: Recipe,
    overrides: Overrides = None,
    runs_folder: RunsFolder = Path("runs"),
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Go on without asking, whatever it costs.")] = False,
) -> None:
    """Run the jobs one after the other; those that are finished are skipped, by the hash of their settings."""
    from veracity.cli.console import hide_library_bars, make_console
    from veracity.cli.plans import agree
    from veracity.experiments.sweeps import run_sweep

    console = make_console()
    hide_library_bars()
    planned = _planned(recipe, overrides or [], runs_folder)
    if planned.asks:
        _print_plan(planned, console)
        agree(planned.asked, yes=yes, console=console)
    run_sweep(planned, overrides or [], runs_folder=runs_folder, console=console)
    _print_plan(_planned(recipe, overrides or [], runs_folder), console)


def _planned(recipe: str, overrides: list[str], runs_folder: Path) -> SweepPlan:
    from veracity.core.threads import measure_threads
    from veracity.experiments.sweeps import plan_sweep

    return plan_sweep(recipe, overrides, runs_folder=runs_folder, speed=measure_threads(0.2).one)


def _print_plan(planned: SweepPlan, console: Console) -> None:
    from veracity.cli.outlooks import print_outlook

    if planned.asks:
        _print_asking(planned, console)
        for job in planned.jobs:
            if job.outlook is not None:
                console.print(f"\n{job.point.id}", markup=False, highlight=False)
                print_outlook(job.outlook, console)
    else:
        _print_training(planned, console)


def _print_asking(planned: SweepPlan, console: Console) -> None:
    """Calls, tokens and dollars of every job, summed over its roles."""
    from rich.table import Table

    from veracity.cli.plans import cells, money

    table = Table("job", "state", box=None, header_style="bold", pad_edge=False)
    for title in ("calls", "in ledger", "tokens in", "tokens out", "US dollars"):
        table.add_column(title, justify="right")
    for job in planned.jobs:
        state = str(job.finished) if job.finished else "cannot be planned" if job.obstacle else "to do"
        table.add_row(job.point.id, state, *([] if job.plan is None else cells(job.plan.total)))
    console.print(table)
    for job in planned.jobs:
        if job.obstacle:
            console.print(f"{job.point.id}: {job.obstacle}", markup=False, highlight=False, soft_wrap=True, style="red")
    unknown = sum(bool(job.obstacle) for job in planned.jobs)
    beside = f" without the {unknown} that cannot be planned" if unknown else ""
    told = f"{len(planned.open)} of {len(planned.jobs)} to do, together {money(planned.asked)}{beside}"
    console.print(told, highlight=False)
    console.print("what several jobs ask of the same model is asked, and paid, once", style="dim")


def _print_training(planned: SweepPlan, console: Console) -> None:
    """Steps, time, memory and disk of every job."""
    from rich.table import Table

    table = Table("job", "state", box=None, header_style="bold", pad_edge=False)
    for title in ("steps", "PFLOP", "seconds", "memory", "disk"):
        table.add_column(title, justify="right")
    for job in planned.jobs:
        table.add_row(
            job.point.id,
            str(job.finished) if job.finished else "to do",
            _shown(job.steps),
            _shown(None if job.operations is None else job.operations / 1e15),
            _shown(job.seconds),
            _shown(None if job.memory is None else job.memory / 1e9, " GB"),
            _shown(None if job.disk is None else job.disk / 1e9, " GB"),
        )
    console.print(table)
    disk = sum(job.disk or 0 for job in planned.open) / 1e9
    console.print(
        f"{len(planned.open)} of {len(planned.jobs)} to do, {_shown(disk, ' GB')} of checkpoints", highlight=False
    )
    console.print(
        "seconds: rough, one thread of this machine, for tiny models only; memory: weights, gradients and optimizer "
        "over all devices, activations come on top; disk: checkpoints kept at the same time",
        style="dim",
    )


def _shown(value: float | None, unit: str = "") -> str:
    if value is None:
        return "?"
    return f"{value:,.0f}{unit}" if value >= 100 or value == int(value) else f"{value:.3g}{unit}"
