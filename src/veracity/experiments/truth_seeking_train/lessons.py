"""What is learnt from: a teacher's answers, some after others, and of the samples those that each method takes."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from veracity.core.errors import ContextLengthError
from veracity.core.requests import Message
from veracity.experiments.desk import Desk
from veracity.experiments.truth_seeking_train.settings import TruthTrainSettings
from veracity.metrics.table_schema import TableSchema
from veracity.training.demonstrations import DemonstrationSettings
from veracity.training.exchanges import ExchangeEncoder
from veracity.training.fitting import within_context
from veracity.training.loading import load_tokenizer
from veracity.training.records import Demonstration
from veracity.training.selection import ScoredSample, Split, few, select, split

NOTHING = Split((), ())


@dataclass(frozen=True, slots=True)
class Lessons:
    """Samples by what they are for."""

    all: tuple[ScoredSample, ...]
    """With and without a score; examples are chosen from these."""
    imitated: Split
    """By `sft`, and what is held back of it; empty where nothing is imitated."""


def after_examples(
    shown: Sequence[Demonstration], shots: int, fits: Callable[[Demonstration], bool]
) -> list[Demonstration]:
    """The n-th demonstration after n mod (shots + 1) of those before it, or as many as fit: what `few_shot` shows."""
    return [_after(shown, n, n % (shots + 1), fits) for n in range(len(shown))]


def _after(shown: Sequence[Demonstration], n: int, count: int, fits: Callable[[Demonstration], bool]) -> Demonstration:
    one = shown[n]
    for length in range(count, 0, -1):
        before = [turn for other in (shown[n - k] for k in range(length, 0, -1)) for turn in _exchange(other)]
        if fits(longer := replace(one, messages=(*before, *one.messages))):
            return longer
    return one


def _exchange(one: Demonstration) -> tuple[Message, ...]:
    return (*one.messages, Message("assistant", one.response))


def room(start: Path, settings: DemonstrationSettings) -> Callable[[Demonstration], bool]:
    """Whether a demonstration fits into the model's context and the training's longest row."""
    tokenizer, context = load_tokenizer(start)
    encoder = ExchangeEncoder(tokenizer, within_context(settings.max_length, context))

    def fits(one: Demonstration) -> bool:
        try:
            encoder.encode(one.item, one.messages, one.response)
        except ContextLengthError:
            return False
        return True

    return fits


def samples_schema() -> TableSchema:
    """Columns of `tables/train.samples.parquet`: a row a sample that could be learnt from."""
    import polars as pl

    columns: dict[str, pl.DataType] = {
        **dict.fromkeys(("item", "trajectory", "source", "direction", "response", "sft"), pl.String()),
        "score": pl.Float64(),  # null where the scorer has none
        "right": pl.Boolean(),  # null where nothing is known
        "example": pl.Boolean(),  # whether `few_shot` shows it
    }
    required = frozenset({"item", "trajectory", "source", "direction", "response", "example"})
    return TableSchema("training samples table", columns, required=required)


def chosen(desk: Desk, settings: TruthTrainSettings, samples: Sequence[ScoredSample]) -> Lessons:
    """Stage `train.samples`: what `sft` imitates (`training`), what is held back (`validation`), what is shown.

    Raises ConfigError and DataError as `select` and `few`.
    """
    methods, how = settings.methods, settings.selection
    imitated = split(select(samples, how), how.validation, settings.seed) if "sft" in methods else NOTHING
    shown = few(samples, settings.few_shot.count, settings.few_shot.share) if "few_shot" in methods else []
    uses = dict.fromkeys(imitated.training, "training") | dict.fromkeys(imitated.validation, "validation")
    rows = [_row(one, uses.get(one), one in shown) for one in samples]
    desk.store("train.samples", rows, lambda: samples_schema().frame(rows))
    return Lessons(tuple(samples), imitated)


def _row(one: ScoredSample, use: str | None, shown: bool) -> dict[str, Any]:
    about = {"item": one.demonstration.item, "response": one.demonstration.response, "sft": use, "example": shown}
    return about | {name: getattr(one, name) for name in ("trajectory", "source", "direction", "score", "right")}
