"""`veracity tiny`: retrain the laboratory's model, and read its card."""

from __future__ import annotations

import typer

app = typer.Typer(help="The tiny model of the laboratory.", no_args_is_help=True)


@app.command()
def train() -> None:
    """Train."""


@app.command()
def card() -> None:
    """Print the model card: data, size, seed, measured abilities, and what it cannot do."""
    from veracity.world.tiny import card

    typer.echo(card())
