"""A world on disk: world.json (seed, language, versions) beside two Parquet tables.

Equal worlds give equal bytes: columns and rows have a fixed order, compression and row groups are fixed, and
nothing of the machine or the time is written. Templates live in world.json, so a world still reads as it did
when the package's own wordings have changed.
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from veracity.core.errors import DataError
from veracity.core.identity import canonical_json, file_hash
from veracity.world.facts import Fact, FactSet
from veracity.world.language import Language, Relation

if TYPE_CHECKING:
    from veracity.world.world import World

FORMAT = 1
_TEMPLATE_FIELDS = ("statements", "questions", "claims", "denials", "reverse_question")
_COLUMNS = [f.name for f in dataclasses.fields(Fact) if f.name not in _TEMPLATE_FIELDS]


def save_world(world: World, folder: Path) -> None:
    """Write the three files; world.json comes last, so its presence means that the others are whole."""
    import polars as pl

    folder.mkdir(parents=True, exist_ok=True)
    facts = [{name: getattr(f, name) for name in _COLUMNS} for f in world.facts]
    tables = {
        "entities.parquet": pl.DataFrame([dataclasses.asdict(e) for e in world.entities], infer_schema_length=None),
        "facts.parquet": pl.DataFrame(facts, infer_schema_length=None),
    }
    for name, frame in tables.items():
        text_lists = [c for c, t in frame.schema.items() if isinstance(t, pl.List)]
        frame = frame.with_columns(pl.col(c).cast(pl.List(pl.String)) for c in text_lists)
        partial = folder / f".{name}.partial"
        frame.write_parquet(partial, compression="zstd", compression_level=3, row_group_size=65536)
        partial.replace(folder / name)
    about = {
        "format": FORMAT,
        "seed": world.seed,
        "language": {
            "seed": world.language.seed,
            "pools": world.language.pools,
            "classes": world.language.classes,
            "relations": {r.name: dataclasses.asdict(r) for r in world.language.relations.values()},
        },
        "files": {name: file_hash(folder / name) for name in tables},
        "identity": world.identity,
    }
    partial = folder / ".world.json.partial"
    partial.write_text(canonical_json(about), encoding="utf-8")
    partial.replace(folder / "world.json")


def load_world(folder: Path) -> World:
    """Read and check a world. Raises DataError with the file named."""
    import polars as pl

    from veracity.world.world import Entity, World

    about = _read_about(folder)
    for name, digest in about["files"].items():
        file = folder / name
        if not file.is_file():
            raise DataError("this file of the world is missing; make the world again", path=file)
        if file_hash(file) != digest:
            raise DataError("this file is damaged (its hash is not the one in world.json); make it again", path=file)
    language = _language(about["language"])
    entities = tuple(
        Entity(**{**row, "aliases": tuple(row["aliases"])})
        for row in pl.read_parquet(folder / "entities.parquet").iter_rows(named=True)
    )
    facts = [_fact(row, language) for row in pl.read_parquet(folder / "facts.parquet").iter_rows(named=True)]
    return World(about["seed"], language, entities, FactSet(facts, origin=str(folder)))


def _read_about(folder: Path) -> dict[str, Any]:
    path = folder / "world.json"
    if not path.is_file():
        raise DataError("there is no world here; make one with `veracity world make`", path=path)
    try:
        about: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (UnicodeDecodeError, json.JSONDecodeError) as error:
        raise DataError(f"this is not JSON ({error}); make the world again", path=path) from None
    if about.get("format") != FORMAT:
        raise DataError(f"format {about.get('format')!r} is not {FORMAT}; use the version that wrote it", path=path)
    return about


def _language(about: dict[str, Any]) -> Language:
    def tuples(mapping: dict[str, Any]) -> dict[str, Any]:
        return {k: tuple(v) if isinstance(v, list) else v for k, v in mapping.items()}

    relations = {name: Relation(**tuples(spec)) for name, spec in about["relations"].items()}
    return Language(about["seed"], tuples(about["pools"]), tuples(about["classes"]), relations)


def _fact(row: dict[str, Any], language: Language) -> Fact:
    relation = language.relations[row["relation"]]
    stored: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in row.items()}
    return Fact(**stored, **{name: getattr(relation, name) for name in _TEMPLATE_FIELDS})
