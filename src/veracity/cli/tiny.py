"""`veracity tiny`: train the laboratory's model again, and read its card."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from rich.console import Console

    from veracity.world.tiny.training import Step

app = typer.Typer(help="The tiny model of the laboratory.", no_args_is_help=True)

REPORT_EVERY = 100
"""Steps between two plain lines, where there is no terminal for a progress bar."""


@app.command()
def train(
    folder: Annotated[Path, typer.Argument(help="Where checkpoints and the model go; an unfinished run continues.")],
    seed: Annotated[int, typer.Option(help="Seed of weights and texts.")] = 0,
    steps: Annotated[int | None, typer.Option(help="Optimizer steps; the shipped model's by default.", min=1)] = None,
) -> None:
    """Train the tiny model from scratch, measure it and write its card; the defaults give the shipped weights."""
    from dataclasses import replace

    from veracity.cli.console import make_console
    from veracity.experiments.tiny_card import write_card
    from veracity.world.tiny import tiny_world
    from veracity.world.tiny.training import TinySettings, train

    settings = replace(TinySettings(), seed=seed)
    if steps is not None:
        settings = replace(settings, steps=steps)
    console = make_console()
    with _shown(console, settings.total) as on_step:
        model = train(folder, settings, on_step=on_step)
    with console.status("measuring"):
        path = write_card(model, tiny_world(), lambda group: console.print(f"measuring: {group.lower()}"))
    console.print(f"the model is in {model}, its card is {path}", markup=False, soft_wrap=True)


@app.command()
def card() -> None:
    """Print the model card: data, size, seed, measured abilities, and what it cannot do."""
    from veracity.world.tiny import card

    typer.echo(card())


@contextmanager
def _shown(console: Console, total: int) -> Iterator[Callable[[Step], None]]:
    """What to call after each step: it moves a progress bar, or prints a line now and then without a terminal."""
    if not console.is_terminal:
        yield lambda step: _print_step(console, step)
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("", total=total)
        yield lambda step: progress.update(task, completed=step.number, description=f"loss {step.loss:.3f}")


def _print_step(console: Console, step: Step) -> None:
    if step.number % REPORT_EVERY == 0 or step.number == step.of:
        console.print(f"step {step.number} of {step.of}, loss {step.loss:.3f}")
