"""`veracity demo`, `run`, `report`, `runs`: do a recipe, show what came out, list what was done."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

RunsFolder = Annotated[Path, typer.Option("--runs", help="Folder that holds the runs.")]
Overrides = Annotated[
    list[str] | None, typer.Argument(metavar="[a.b=c]...", help="Settings to change; see `veracity recipes schema`.")
]


def demo(runs_folder: RunsFolder = Path("runs")) -> None:
    """Teach a tiny model new facts, watch generation and verification rise and fade, and write the report."""
    _run("gv-gap-demo", [], runs_folder, None, yes=False)


def run(
    recipe: Annotated[str, typer.Argument(help="Name or path of a recipe; `veracity recipes` lists the names.")],
    overrides: Overrides = None,
    runs_folder: RunsFolder = Path("runs"),
    name: Annotated[str | None, typer.Option(help="Name of the run; from recipe and settings by default.")] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Go on without asking, whatever it costs.")] = False,
    batch: Annotated[
        bool, typer.Option("--batch", help="Ask hosted models by batch, at half the price: the setting batch=true.")
    ] = False,
    plan: Annotated[
        bool, typer.Option("--plan", help="Say what it would train, ask and cost, less what is there, and stop.")
    ] = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Go through every stage with tiny random models, and stop."),
    ] = False,
) -> None:
    """Run a recipe and write its report; a run that was stopped continues, one that is finished is not repeated."""
    if plan or dry_run:
        from veracity.cli.outlooks import show_plan, show_rehearsal

        if dry_run:
            show_rehearsal(recipe, overrides or [])
        else:
            show_plan(recipe, overrides or [], runs_folder, name)
        return
    _run(recipe, [*(overrides or []), *(["batch=true"] if batch else [])], runs_folder, name, yes=yes)


def report(
    run: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="Name of a run, or its folder; the newest by default.")
    ] = None,
    runs_folder: RunsFolder = Path("runs"),
) -> None:
    """Write the report of a run again, and print its summary."""
    from veracity.cli.console import make_console
    from veracity.experiments.running import find_run, newest_run
    from veracity.report.of_run import write_report

    folder = find_run(run, runs_folder) if run else newest_run(runs_folder)
    write_report(folder)
    _summarise(folder, make_console())


def list_runs(runs_folder: RunsFolder = Path("runs")) -> None:
    """List the runs, oldest first, with their state."""
    from rich.markup import escape
    from rich.table import Table

    from veracity.cli.console import make_console
    from veracity.experiments.running import list_runs

    names = ("run", "recipe", "changed", "state", "started", "seconds")
    table = Table(*names, box=None, header_style="bold", pad_edge=False)
    for row in list_runs(runs_folder):
        seconds = "" if row.seconds is None else f"{row.seconds:.0f}"
        table.add_row(row.name, row.recipe, escape(row.overrides), row.state, row.started, seconds)
    console = make_console()
    if table.row_count:
        console.print(table)
    else:
        console.print(f"no runs in {runs_folder}; `veracity demo` makes the first", markup=False, highlight=False)


def _run(recipe: str, overrides: list[str], runs_folder: Path, name: str | None, *, yes: bool) -> None:
    from veracity.cli.console import hide_library_bars, make_console
    from veracity.cli.plans import confirm
    from veracity.experiments.running import run_recipe
    from veracity.metrics.judge_card import UnreliableJudgeError
    from veracity.training.launcher import Launch

    console = make_console()
    hide_library_bars()
    try:
        folder = run_recipe(
            recipe,
            overrides,
            runs_folder=runs_folder,
            console=console,
            name=name,
            approve=lambda plan: confirm(plan, yes=yes, console=console),
        )
    except UnreliableJudgeError as error:
        _summarise(Path(error.run), console)  # the run is complete; the exit code says what to think of it
        raise
    if Launch.from_environment().is_main:
        _summarise(folder, console)


def _summarise(folder: Path, console: Console) -> None:
    from veracity.report.of_run import print_summary
    from veracity.report.trained_table import trained_line

    print_summary(folder, console)
    if trained := trained_line(folder):
        typer.echo(trained)
    typer.echo(f"report: {folder / 'report.html'}")
