"""`veracity sweep`."""

from __future__ import annotations

import typer

app = typer.Typer(help="Grids: lists in a recipe are axes.", no_args_is_help=True)


@app.command()
def plan() -> None:
    """Plan."""


@app.command()
def run() -> None:
    """Run."""
