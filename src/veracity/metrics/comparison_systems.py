"""What is compared: the tables of one arm of a run, what they were measured with, and why two may not be compared."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import polars as pl

from veracity.core.errors import ConfigError, DataError
from veracity.core.registry import nearest
from veracity.metrics.answer_rows import ANSWERS
from veracity.metrics.claim_rows import CLAIMS, RESPONSES
from veracity.metrics.measurement import Measurement, MeasurementMismatchError, require_comparable
from veracity.store.run import RunFolder

Form = Literal["answers", "claims"]
"""Short answers (`tables/answers.parquet`), or long ones (`tables/responses.parquet` and `tables/claims.parquet`)."""
MANIFEST_KEY = "measurement"
"""Where a run's manifest says what its numbers were measured with: form → `Measurement.as_dict()`."""
CHOOSING = ("domains", "problems", "split")
"""Settings of a form that choose its items, beside the seed."""


@dataclass(frozen=True, slots=True)
class System:
    """One side of a comparison: one arm's rows."""

    name: str
    answers: pl.DataFrame | None = None
    samples: pl.DataFrame | None = None
    """Further answers to the same questions, drawn to see how often each is right; an answers table."""
    responses: pl.DataFrame | None = None
    claims: pl.DataFrame | None = None
    measurement: Mapping[str, Measurement] = field(default_factory=dict)
    """By form."""
    settings: Mapping[str, Any] = field(default_factory=dict)
    """Of its run, as the manifest has them; only for saying where a difference comes from."""

    def __post_init__(self) -> None:
        for schema, table in (
            (ANSWERS, self.answers),
            (ANSWERS, self.samples),
            (RESPONSES, self.responses),
            (CLAIMS, self.claims),
        ):
            if table is not None and len(arms := sorted(schema.check(table)["arm"].unique().to_list())) > 1:
                raise DataError(f"{self.name} holds {', '.join(arms)}; choose one", path=schema.name, field="arm")
        if (self.responses is None) != (self.claims is None):
            raise DataError(f"{self.name} needs both, responses and their claims, or neither", path=CLAIMS.name)

    @property
    def forms(self) -> tuple[Form, ...]:
        """The kinds of tables that it has."""
        return (*(("answers",) if self.answers is not None else ()), *(("claims",) if self.claims is not None else ()))

    def items(self, form: Form) -> pl.DataFrame:
        """`item` and what was asked: `question` and `gold`, or `prompt`; one row an item."""
        asked = ["question", "gold"] if form == "answers" else ["prompt"]
        table = self.answers if form == "answers" else self.responses
        if table is None:
            return pl.DataFrame(schema=dict.fromkeys(["item", *asked], pl.String))
        return table.select("item", *asked).unique("item", keep="first", maintain_order=True)


def read_system(run_folder: Path | str, arm: str | None = None, *, name: str | None = None) -> System:
    """One arm of a run folder; `arm` may be left out where there is one only. Tables without a row of it are left out.

    Raises:
        ConfigError: the run has several arms and none was chosen, or not the one that was.
        DataError: it has neither answers nor claims, or a table or the measurement in its manifest is malformed.
        StoreError: a table is damaged.
    """
    folder = RunFolder(run_folder)
    stored = set(folder.tables())
    wanted = ([name for name in ("answers", "samples") if name in stored] if "answers" in stored else []) + (
        ["responses", "claims"] if {"responses", "claims"} <= stored else []
    )
    if not wanted:
        raise DataError(
            "has neither answers nor responses with claims, so there is nothing to compare", path=folder.path
        )
    tables = {table: folder.read_table(table) for table in wanted}
    arms = sorted({arm for table in tables.values() for arm in table["arm"].unique().to_list()})
    chosen = _chosen_arm(arms, arm, folder.path)
    tables = {table: rows.filter(pl.col("arm") == chosen) for table, rows in tables.items()}
    decides = {"claims": "responses"}  # an arm that wrote responses may have made no claim
    tables = {table: rows for table, rows in tables.items() if not tables[decides.get(table, table)].is_empty()}
    shown = name or (folder.path.name if len(arms) < 2 else f"{folder.path.name}@{chosen}")
    manifest = folder.manifest() or {}
    return System(shown, **tables, measurement=measurements(manifest), settings=manifest.get("recipe") or {})


def measurements(manifest: Mapping[str, Any]) -> dict[str, Measurement]:
    """Form → what it was measured with, from a run's manifest; empty where it does not say. DataError if malformed."""
    stored = manifest.get(MANIFEST_KEY) or {}
    if not isinstance(stored, Mapping) or not all(isinstance(one, Mapping) for one in stored.values()):
        raise DataError("needs one measurement for each of answers and claims", path="manifest", field=MANIFEST_KEY)
    return {str(form): Measurement.from_dict(one) for form, one in stored.items()}


def require_comparable_systems(first: System, second: System, form: Form) -> None:
    """Do nothing if differences in this form mean something; refuse with every reason otherwise.

    Raises:
        MeasurementMismatchError: data, prompts, judges, corpora, K or another parameter differ, one side does not say
            what it was measured with, or the same item asks different things.
    """
    mine = [system.measurement.get(form) for system in (first, second)]
    for system, measurement in zip((first, second), mine, strict=True):
        if measurement is None:
            raise MeasurementMismatchError(
                f"{system.name} does not say what its {form} were measured with (its manifest has no "
                f"`{MANIFEST_KEY}.{form}`; a run that is not finished has no manifest), so nothing shows that they can "
                "be compared. Finish it, or force the comparison",
                (MANIFEST_KEY,),
            )
    if mine[0] is not None and mine[1] is not None:
        causes = {"data": _asked_for(first.settings, second.settings, form)}
        require_comparable(mine[0], mine[1], names=(first.name, second.name), causes=causes)
    if item := next(_asked_differently(first, second, form), None):
        raise MeasurementMismatchError(
            f"{first.name} and {second.name} cannot be compared, since they ask different things under the same item "
            f"{item!r}. Measure both with the same data",
            ("data",),
        )


def shared_forms(systems: Sequence[System]) -> tuple[Form, ...]:
    """The forms that all have. DataError if there is none."""
    forms = tuple(form for form in systems[0].forms if all(form in system.forms for system in systems))
    if not forms:
        said = "; ".join(f"{system.name} has {' and '.join(system.forms) or 'nothing'}" for system in systems)
        raise DataError(f"no kind of table is in all of them: {said}", path="comparison")
    return forms


def _asked_for(first: Mapping[str, Any], second: Mapping[str, Any], form: Form) -> str:
    """Which settings chose other items, as `short.problems is 400 and 40`; the files, if none did; empty if unknown."""
    part = {"answers": "short", "claims": "long"}[form]
    if not all(isinstance(settings.get(part), Mapping) for settings in (first, second)):
        return ""
    chosen = [
        {"seed": s.get("seed")} | {f"{part}.{name}": s[part].get(name) for name in CHOOSING} for s in (first, second)
    ]
    told = [
        f"{name} is {json.dumps(a)} and {json.dumps(b)}"
        for (name, a), b in zip(chosen[0].items(), chosen[1].values(), strict=True)
        if a != b
    ]
    return ", ".join(told) or "the settings are the same, so what is behind the domains has changed"


def _asked_differently(first: System, second: System, form: Form) -> Iterator[str]:
    """Items under which the two sides ask different things."""
    mine, yours = first.items(form), second.items(form)
    asked = [column for column in mine.columns if column != "item"]
    both = mine.join(yours, on="item", suffix="_second")
    same = pl.all_horizontal(*[pl.col(column).eq_missing(pl.col(f"{column}_second")) for column in asked])
    yield from both.filter(~same)["item"].to_list()


def _chosen_arm(arms: list[str], wanted: str | None, place: Path) -> str:
    if wanted is None and len(arms) > 1:
        raise ConfigError(f"{place} has the arms {', '.join(arms)}; say which one is meant, as {place.name}@{arms[0]}")
    if wanted is not None and wanted not in arms:
        hint = nearest(wanted, arms) or f"; it has {', '.join(arms) or 'no rows'}"
        raise ConfigError(f"{place} has no arm {wanted!r}{hint}")
    return wanted if wanted is not None else (arms[0] if arms else "")
