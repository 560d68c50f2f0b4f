"""Tables that grow: what is kept is not made again, what failed is, and a new round makes everything."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl
import pytest

from veracity.core.errors import ConfigError
from veracity.experiments.truth_seeking.kept_rows import Made, Stage, extended
from veracity.experiments.truth_seeking.settings import RecomputePolicy
from veracity.metrics.table_schema import TableSchema
from veracity.store.run import Run

WORDS = TableSchema("words", {"word": pl.String(), "round": pl.Int64()}, required=frozenset({"word"}))


class Maker:
    """Gives a word twice and notes what it was asked; words in `broken` fail."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.broken: set[str] = set()

    def __call__(self, todo: Mapping[str, str], number: int) -> Mapping[str, Made]:
        self.asked += list(todo)
        return {k: Made(([{"word": w, "round": number}] * 2,), failed=w in self.broken) for k, w in todo.items()}


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    with Run.open(tmp_path / "run") as opened:
        yield opened


def words(
    run: Run, maker: Maker, wanted: str, policy: RecomputePolicy = "missing", *, fill: bool = True
) -> list[tuple[str, int]]:
    stage = Stage(run, "words", {"words": WORDS}, policy, fill)
    maker.asked = []
    return extended(stage, {letter: letter for letter in wanted}, maker)[0].rows()


def test_only_what_is_not_there_is_made_and_rows_stand_in_the_order_wanted(run: Run) -> None:
    maker = Maker()
    assert words(run, maker, "ab") == [("a", 0)] * 2 + [("b", 0)] * 2
    assert words(run, maker, "ab") and maker.asked == []
    assert [w for w, _ in words(run, maker, "cab")] == list("ccaabb") and maker.asked == ["c"]
    assert [w for w, _ in words(run, maker, "b")] == list("bb") and maker.asked == []


def test_failures_stay_and_are_asked_again(run: Run) -> None:
    maker = Maker()
    maker.broken = {"b"}
    assert len(words(run, maker, "ab")) == 4
    assert words(run, maker, "ab") and maker.asked == ["b"]  # it failed again
    maker.broken = set()
    assert words(run, maker, "ab") and maker.asked == ["b"]
    assert words(run, maker, "ab") and maker.asked == []


def test_never_takes_what_is_there_and_refuses_where_nothing_is(run: Run) -> None:
    maker = Maker()
    with pytest.raises(ConfigError, match="no words of these settings"):
        words(run, maker, "ab", "never")
    words(run, maker, "ab")
    assert [w for w, _ in words(run, maker, "abc", "never")] == list("aabb") and maker.asked == []
    with pytest.raises(ConfigError, match="set resume to missing"):
        words(run, maker, "xy", "never")


def test_without_fill_a_stage_that_is_there_is_not_extended(run: Run) -> None:
    maker = Maker()
    words(run, maker, "a", fill=False)
    assert maker.asked == ["a"]
    assert [w for w, _ in words(run, maker, "ab", fill=False)] == list("aa") and maker.asked == []


def test_always_makes_everything_in_a_new_round_and_goes_on_after_a_kill(run: Run) -> None:
    maker = Maker()
    words(run, maker, "ab")
    assert {number for _, number in words(run, maker, "ab", "always")} == {1} and maker.asked == ["a", "b"]
    assert {number for _, number in words(run, maker, "ab", "always")} == {2}
    assert dict(words(run, maker, "abc")) == {"a": 2, "b": 2, "c": 2} and maker.asked == ["c"]
    (run.path / "tables" / "words.parquet").unlink()  # as if killed between the tables and the book
    assert {number for _, number in words(run, maker, "abc", "always")} == {3}


def test_where_nothing_is_wanted_nothing_is_missed_whatever_may_be_made(run: Run) -> None:
    maker = Maker()
    assert words(run, maker, "", "never") == []
    assert words(run, maker, "") == []
    assert words(run, maker, "", fill=False) == [] and maker.asked == []
