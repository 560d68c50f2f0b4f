"""`veracity import-env`: the recipe that an environment of TruthSeekingGym means."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Part(StrEnum):
    """Which training."""

    imitation = "imitation"
    reinforcement = "reinforcement"


def import_env(
    file: Annotated[str, typer.Argument(help="A file of NAME=value lines, as .env has them; - reads them from stdin.")],
    out: Annotated[Path | None, typer.Option("--out", help="Write the recipe there; to stdout by default.")] = None,
    training: Annotated[
        Part | None,
        typer.Option("--training", help="The recipe that trains: by SFT and few-shot, or by RL; else that evaluates."),
    ] = None,
) -> None:
    """Turn TruthSeekingGym's environment variables into a recipe; what became of each is said on stderr.

    Values of keys and passwords are never copied.
    """
    import yaml
    from rich.console import Console

    from veracity.core.config import load_settings
    from veracity.experiments.truth_seeking.environment import read_environment, translate
    from veracity.experiments.truth_seeking.settings import TruthSeekingSettings
    from veracity.experiments.truth_seeking.training_environment import parts_of, translate_training
    from veracity.experiments.truth_seeking_train.settings import TruthTrainSettings

    environment = read_environment(_text(file), "stdin" if file == "-" else file)
    found = translate_training(environment, training.value) if training else translate(environment)
    told = Console(stderr=True)
    for note in found.notes:
        colour = "yellow" if note.kind is None else "bright_black" if note.kind == "dropped" else None
        told.print(
            f"{note.variable}: {note.kind or 'unknown'}: {note.said}", style=colour, markup=False, soft_wrap=True
        )
    if training is None and any(note.kind == "training" for note in found.notes):
        told.print(
            f"for what trains: {' and '.join(f'--training {part}' for part in parts_of(environment))}", soft_wrap=True
        )
    load_settings(
        TruthTrainSettings if training else TruthSeekingSettings, dict(found.recipe)
    )  # refused now, with its key
    recipe = yaml.safe_dump(dict(found.recipe), sort_keys=False, allow_unicode=True)
    if out is None:
        typer.echo(recipe, nl=False)
    else:
        out.write_text(recipe, "utf-8")


def _text(file: str) -> str:
    from veracity.core.errors import DataError

    try:
        return sys.stdin.read() if file == "-" else Path(file).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot be read ({error}); give a text file of NAME=value lines", path=file) from None
