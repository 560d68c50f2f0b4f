"""Puts the command groups together, and is the one place where an error becomes a line and an exit code.

Exit codes: 0 done, 1 a `VeracityError`, 2 a wrong command line, 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import shlex
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from veracity import __version__
from veracity.cli import (
    analyze,
    batches,
    compare,
    doctor,
    domains,
    graders,
    import_env,
    keys,
    launch,
    models,
    recipes,
    runs,
    serve,
    sweep,
    tiny,
    world,
)
from veracity.core.errors import VeracityError

RESUMABLE = ("demo", "launch", "run", "sweep", "tiny")
"""Commands that continue where they were stopped when they are given again."""


class Guarded(TyperGroup):
    """Runs a command; turns an expected error into one line on stderr, and Ctrl-C into how to resume."""

    def invoke(self, ctx: Any) -> Any:
        """Invoke the chosen command; exits with 1 on a `VeracityError` and with 130 on Ctrl-C."""
        try:
            return super().invoke(ctx)
        except VeracityError as error:
            _complain(str(error))
            raise typer.Exit(1) from None
        except KeyboardInterrupt:
            _complain(_stopped(ctx.invoked_subcommand, sys.argv[1:]))
            raise typer.Exit(130) from None


def _complain(message: str) -> None:
    from rich.console import Console

    Console(stderr=True).print(message, style="red", markup=False, highlight=False, soft_wrap=True)


def _stopped(command: str | None, arguments: list[str]) -> str:
    if command not in RESUMABLE:
        return "stopped"
    return f"stopped; what is finished is kept, and this continues: {shlex.join(['veracity', *arguments])}"


app = typer.Typer(
    cls=Guarded,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Measure and train truthful language models.",
)
app.command()(runs.demo)
app.command()(runs.run)
app.command(context_settings={"allow_extra_args": True, "allow_interspersed_args": False})(launch.launch)
app.command()(runs.report)
app.command("runs")(runs.list_runs)
app.command()(compare.compare)
app.command()(analyze.analyze)
app.command("analyzers")(analyze.list_analyzers)
app.add_typer(world.app, name="world")
app.add_typer(tiny.app, name="tiny")
app.add_typer(sweep.app, name="sweep")
app.add_typer(recipes.app, name="recipes")
app.add_typer(domains.app, name="domains")
app.add_typer(graders.app, name="graders")
app.add_typer(models.app, name="models")
app.add_typer(keys.app, name="keys")
app.add_typer(batches.app, name="batches")
app.command("import-env")(import_env.import_env)
app.command()(serve.serve)
app.command()(doctor.doctor)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"veracity {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Measure and train truthful language models.

    Does a model know what it says, say what it knows, and admit what it doesn't?
    """
