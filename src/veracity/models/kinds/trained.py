"""`trained/<run>/<name>`: a model that a run of this machine trained, found again by name.

It lies in `runs/<run>/models/<name>`, with a `lineage.json` that says where it comes from; `?runs=<folder>` looks in
another folder of runs. A model that was "trained" by examples is its parent with those examples before it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from veracity.core.errors import ConfigError, ModelError
from veracity.core.registry import nearest
from veracity.core.requests import Backend
from veracity.models.resolve import KINDS, open_model
from veracity.models.spec import ModelSpec
from veracity.models.wrapped import with_examples

_EXAMPLES = "examples.jsonl"


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """One trained model on disk."""

    name: str
    """As `open_model` takes it."""
    folder: Path
    trainer: str
    parent: str
    """Name of the model that it was made from."""
    steps: int


@KINDS.register("trained")
def open_trained(spec: ModelSpec) -> Backend:
    """Load the model; ConfigError with the nearest name if there is none, ModelError if it is damaged."""
    options = spec.only(runs=str, device=str, dtype=str, attention=str)
    folder = _folder(spec, Path(options.pop("runs", "runs")))
    if (folder / _EXAMPLES).is_file():
        if options:
            raise ConfigError(f"{spec.name!r} is made of examples; its parent has the options {', '.join(options)}")
        return with_examples(open_model(_lineage(folder)["parent_name"]), folder / _EXAMPLES)
    from veracity.models.local import LocalModel

    return LocalModel.load(folder, name=spec.name, **options)


def weights_folder(spec: ModelSpec) -> Path:
    """The folder of weights that training may go on from. ConfigError if there is none, or examples stand for them."""
    folder = _folder(spec, Path(spec.options.get("runs", "runs")))
    if (folder / _EXAMPLES).is_file():
        raise ConfigError(f"{spec.name!r} is made of examples and has no weights of its own; train its parent")
    return folder


def trained_models(runs: Path = Path("runs")) -> list[TrainedModel]:
    """Every trained model under `runs`, by run and name; damaged ones are left out."""
    return [model for run in sorted(runs.glob("*/models")) for model in trained_in(run.parent)]


def trained_in(run: Path) -> list[TrainedModel]:
    """Every trained model of one run folder, by name; damaged ones are left out."""
    found = []
    for path in sorted(run.glob("models/*/lineage.json")):
        try:
            lineage = _lineage(path.parent)
        except ModelError:
            continue
        name = f"trained/{path.parents[2].name}/{path.parent.name}"
        found.append(
            TrainedModel(name, path.parent, str(lineage["trainer"]), str(lineage["parent_name"]), int(lineage["steps"]))
        )
    return found


def _folder(spec: ModelSpec, runs: Path) -> Path:
    """Where the model lies; ConfigError with the nearest name if it is not there."""
    run, _, name = spec.rest.rpartition("/")
    folder = runs / run / "models" / name
    if not run or not name or not (folder / "lineage.json").is_file():
        known = [model.name for model in trained_models(runs)]
        hint = nearest(spec.name, known) or (f"; there are: {', '.join(known)}" if known else ", nor any other")
        raise ConfigError(
            f"{spec.name!r} names no trained model in {runs.absolute()}{hint}; write trained/<run>/<name>, and "
            "?runs=FOLDER behind it where the runs are elsewhere"
        )
    return folder


def _lineage(folder: Path) -> dict[str, Any]:
    try:
        fields = json.loads((folder / "lineage.json").read_text("utf-8"))
        return {name: fields[name] for name in ("trainer", "parent_name", "steps")}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{folder}/lineage.json is damaged ({error}); train the model again") from error
