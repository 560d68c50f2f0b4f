"""The tiny model's card: its data, size, seed, measured abilities, and what it can't do."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import groupby
from pathlib import Path

from veracity.core.errors import ModelError
from veracity.experiments.tiny_abilities import measure_abilities
from veracity.store.machine import describe_machine
from veracity.world import World
from veracity.world.tiny.dialogue import dialogue


def write_card(folder: Path, world: World, on_group: Callable[[str], None] = lambda name: None) -> Path:
    """Measure the model that `veracity tiny train` wrote to `folder`, and write README.md beside it.

    Raises:
        ModelError: the folder holds no finished training, or one on another world.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from veracity.models.local import LocalModel
    from veracity.world.tiny.curriculum import Curriculum
    from veracity.world.tiny.training import RECORD, TinySettings, TrainingRecord

    if not (folder / RECORD).is_file():
        raise ModelError(f"{folder / RECORD}: no training record; train with `veracity tiny train` first")
    record = TrainingRecord(**json.loads((folder / RECORD).read_text(encoding="utf-8")))
    if record.world != world.identity:
        raise ModelError(f"{folder}: this model was raised on another world ({record.world[:16]})")
    settings = TinySettings(**record.settings)
    model = LocalModel.load(folder)
    abilities = measure_abilities(model, world, Curriculum(world, settings.seed), on_group)
    page = Environment(
        loader=PackageLoader("veracity.experiments", "."), undefined=StrictUndefined, autoescape=False
    ).get_template("tiny_card.md.j2")
    text = page.render(
        s=settings,
        record=record,
        world=world,
        words=dialogue(),
        example=next(f for f in world.facts if f.exposure == 1),
        parameters=sum(p.numel() for p in model.model.parameters()),
        vocabulary=len(model.tokenizer),
        megabytes=(folder / "model.safetensors").stat().st_size / 1e6,
        machine=_machine(),
        groups=[(name, list(rows)) for name, rows in groupby(abilities, key=lambda a: a.group)],
    )
    partial = folder / ".README.md.partial"
    partial.write_text(text.rstrip() + "\n", encoding="utf-8")
    partial.replace(folder / "README.md")
    return folder / "README.md"


def _machine() -> str:
    from importlib.metadata import version

    about = describe_machine()
    return f"{about['processor']}, {about['usable_cores']} cores, torch {version('torch').split('+')[0]}"
