"""Tables that grow by what was asked: each row belongs to a question with a key, and what is kept is never asked again.

A stage names everything that it wants by key, a content hash of all that decides the answer. What is stored under a
wanted key is kept, unless it failed; the rest is made and put beside it. Which keys are stored, and which of them
failed, stands in a table `asked.<stage>` next to the stage's own.

`always` makes everything in a new round. Rounds differ in the seeds of noise, so a new round asks models anew and not
the ledger, and one that was killed goes on where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from veracity.core.errors import ConfigError
from veracity.core.identity import content_hash
from veracity.experiments.truth_seeking.settings import RecomputePolicy
from veracity.metrics.table_schema import TableSchema

if TYPE_CHECKING:
    import polars as pl

    from veracity.store.run import Run

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Made:
    """What came of one question: rows for each table of the stage, in the order of the stage's tables."""

    rows: tuple[Sequence[Mapping[str, Any]], ...]
    failed: bool = False
    """Whether to ask again under `missing`: a request failed, rather than that the answer was of no use."""


Maker = Callable[[Mapping[str, T], int], Mapping[str, Made]]
"""(questions by key, number of the round) → what came of each."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of a run, and what is to happen to what is stored of it."""

    run: Run
    name: str
    tables: Mapping[str, TableSchema]
    policy: RecomputePolicy = "missing"
    fill: bool = True
    """Under `missing`: whether a stored stage is extended at all."""

    @property
    def book(self) -> str:
        """Name of the table of what was asked."""
        return f"asked.{self.name}"

    @property
    def closed(self) -> bool:
        """Whether what is stored is all there is."""
        return self.policy == "never" or (self.policy == "missing" and not self.fill and _stored(self) is not None)

    def under(self, keys: Mapping[str, str]) -> dict[str, str]:
        """Key → the same, or the one that it is given with, whose rows will do where nothing more is made.

        So it is the other one where the stage is closed, and has that alone.
        """
        known = set(self.run.read_table(self.book)["key"]) if self.closed and self.book in self.run.tables() else set()
        return {key: other if other in known and key not in known else key for key, other in keys.items()}


@dataclass(frozen=True, slots=True)
class _Stored:
    key: str
    book: pl.DataFrame
    tables: tuple[pl.DataFrame, ...]


def extended(stage: Stage, wanted: Mapping[str, T], make: Maker[T]) -> tuple[pl.DataFrame, ...]:
    """The stage's tables with rows for everything wanted, in the order wanted, and for nothing else.

    What `make` leaves out is in none of them, as where a plan makes what can be known without asking.

    Raises:
        ConfigError: `never`, and nothing of what is wanted is stored.
    """
    stored = _stored(stage)
    if stage.closed:
        return _only_stored(stage, stored, wanted)
    kept = set() if stored is None or stage.policy == "always" else _sound(stored, wanted)
    todo = {key: one for key, one in wanted.items() if key not in kept}
    if stored is not None and not todo and set(stored.book["key"]) == set(wanted):
        return stored.tables
    number = next_round(stage)
    made = make(todo, number) if todo else {}
    there = [key for key in wanted if key in made or key not in todo]
    key = content_hash(["stage", stage.name, there, number, stored.key if stored else None])
    return _store(stage, key, there, stored, made, number)


def next_round(stage: Stage) -> int:
    """The newest round that was finished, under `always` the one after it; 0 where there is none.

    The book is written last, so a round that was killed is begun again under the same number.
    """
    if stage.run.table_key(stage.book) is None:
        return 0
    finished = stage.run.read_table(stage.book)["round"].max() or 0
    return int(finished) + (stage.policy == "always")  # type: ignore[arg-type]


def _sound(stored: _Stored, wanted: Mapping[str, Any]) -> set[str]:
    """Stored keys that are wanted and did not fail."""
    return {key for key, failed in stored.book.select("key", "failed").iter_rows() if key in wanted and not failed}


def _only_stored(stage: Stage, stored: _Stored | None, wanted: Mapping[str, Any]) -> tuple[pl.DataFrame, ...]:
    if not wanted:  # as the quality of reasoning where no problem has criteria
        return tuple(schema.frame([]) for schema in stage.tables.values())
    known = set() if stored is None else set(stored.book["key"])
    if stored is None or not known & set(wanted):
        raise none_stored(stage)
    import polars as pl

    return tuple(_rows_of(t, stored.book, n).filter(pl.col("_key").is_in(list(wanted))).drop("_key")
                 for n, t in enumerate(stored.tables))  # fmt: skip


def none_stored(stage: Stage) -> ConfigError:
    """What is said where nothing of what is wanted is stored, and nothing may be made."""
    return ConfigError(
        f"the run folder has no {stage.name} of these settings, and none are to be made "
        f"({stage.name}: never, or fill=false); set resume to missing"
    )


def _store(
    stage: Stage, key: str, order: Sequence[str], stored: _Stored | None, made: Mapping[str, Made], number: int
) -> tuple[pl.DataFrame, ...]:
    """Put kept and made rows together, store them, and read them back."""
    places = {name: place for place, name in enumerate(order)}
    tables = []
    for place, (name, schema) in enumerate(stage.tables.items()):
        joined = _joined(place, schema, stored, made, places)
        tables.append(stage.run.table(name, key, lambda joined=joined: joined))  # type: ignore[misc]
    stage.run.table(stage.book, key, lambda: _book(order, stored, made, number))
    return tuple(tables)


def _joined(
    place: int, schema: TableSchema, stored: _Stored | None, made: Mapping[str, Made], places: Mapping[str, int]
) -> pl.DataFrame:
    import polars as pl

    new = schema.frame(row for one in made.values() for row in one.rows[place])
    keys = [key for key, one in made.items() for _ in one.rows[place]]
    parts = [new.with_columns(_key=pl.Series("_key", keys, dtype=pl.String))]
    if stored is not None:
        old = _rows_of(stored.tables[place], stored.book, place)
        remade = pl.col("_key").is_in(list(made))
        parts.insert(0, old.filter(pl.col("_key").is_in(list(places)) & ~remade))
    ordered = pl.concat(parts).with_columns(_place=pl.col("_key").replace_strict(places, return_dtype=pl.Int64))
    return schema.check(ordered.sort("_place", maintain_order=True).drop("_place", "_key"))


def _rows_of(table: pl.DataFrame, book: pl.DataFrame, place: int) -> pl.DataFrame:
    """The table with the key that each row belongs to; rows stand in the order of the book."""
    import polars as pl

    counts = book["rows"].list.get(place)
    keys = [key for key, count in zip(book["key"], counts, strict=True) for _ in range(count)]
    return table.with_columns(_key=pl.Series("_key", keys, dtype=pl.String))


def _book(order: Sequence[str], stored: _Stored | None, made: Mapping[str, Made], number: int) -> pl.DataFrame:
    import polars as pl

    old = {row["key"]: row for row in stored.book.iter_rows(named=True)} if stored is not None else {}
    new = {
        k: {"key": k, "round": number, "failed": m.failed, "rows": [len(r) for r in m.rows]} for k, m in made.items()
    }
    rows = [new.get(key) or old[key] for key in order]
    return pl.DataFrame(rows, schema={"key": pl.String, "round": pl.Int64, "failed": pl.Boolean,
                                      "rows": pl.List(pl.Int64)})  # fmt: skip


def _stored(stage: Stage) -> _Stored | None:
    """What is stored of the stage, if all of its tables are of one making."""
    names = (*stage.tables, stage.book)
    if not set(names) <= set(stage.run.tables()) or (key := stage.run.table_key(stage.book)) is None:
        return None
    if not all(stage.run.has_table(name, key) for name in names):
        return None
    tables = tuple(stage.run.read_table(name) for name in stage.tables)
    return _Stored(key, stage.run.read_table(stage.book), tables)
