"""Examples of a factuality run: what was asked, what came, and how it was judged."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from veracity.metrics.win_rate import outcomes
from veracity.report.factuality_contents import FactualityContents

SHORT, LONG = 2, 3
"""Answers of each grade in every arm, and long answers, that are shown."""
FLIPPED = "flipped"
"""Of a pair: the judge named another winner when the places were swapped."""


@dataclass(frozen=True, slots=True)
class ShortExample:
    """One question and its graded answer."""

    arm: str
    question: str
    gold: str
    answer: str
    grade: str
    stage: str
    confidence: str


@dataclass(frozen=True, slots=True)
class LongExample:
    """One long answer and its claims with their labels."""

    arm: str
    prompt: str
    response: str
    claims: tuple[tuple[str, str], ...]
    """(claim, label or why there is none)."""


@dataclass(frozen=True, slots=True)
class PairExample:
    """Two long answers to one prompt, and which the judge called better."""

    arm: str
    against: str
    prompt: str
    own: str
    other: str
    outcome: str
    """Of the arm: `win`, `loss`, or `flipped`."""


def short_examples(contents: FactualityContents) -> list[ShortExample]:
    """The first answers of each grade in every arm, and the first without a grade."""
    if contents.answers is None:
        return []
    grades = pl.col("grade").fill_null("not graded")
    rows = contents.answers.with_columns(grade=grades).group_by("arm", "grade", maintain_order=True).head(SHORT)
    return [
        ShortExample(
            arm=row["arm"],
            question=row["question"],
            gold=row["gold"] or "(nobody can know)",
            answer=row["answer"] or "(none)",
            grade=row["grade"].replace("_", " ") if row["grade"] != "not graded" else row["status"].replace("_", " "),
            stage=_decided_by(row),
            confidence="" if row["confidence"] is None else f"{row['confidence']:.2f}",
        )
        for row in rows.iter_rows(named=True)
    ]


def _decided_by(row: Mapping[str, Any]) -> str:
    """The stage that graded; where only declining is right, an answer is wrong for not declining."""
    if row["stage"] == "abstention" and row["grade"] == "incorrect":
        return "not declining"
    return row["stage"] or ""


def long_examples(contents: FactualityContents) -> list[LongExample]:
    """Long answers with the most supported and the fewest supported claims, and one in between."""
    if contents.responses is None or contents.claims is None:
        return []
    keys = ["arm", "item", "sample"]
    right = contents.claims.group_by(keys).agg(share=(pl.col("label") == "supported").mean())
    ranked = contents.responses.join(right, on=keys).sort("share", "item", descending=[True, False])
    places = sorted({0, ranked.height // 2, ranked.height - 1} & set(range(ranked.height)))[:LONG]
    return [_long(contents.claims, ranked.row(place, named=True)) for place in places]


def pair_examples(contents: FactualityContents) -> list[PairExample]:
    """The first pair that each arm won, lost, and that the judge called otherwise in the other order."""
    if contents.pairs is None or contents.responses is None:
        return []
    said = {
        (arm, item, sample): (prompt, response)
        for arm, item, sample, prompt, response in contents.responses.select(
            "arm", "item", "sample", "prompt", "response"
        ).iter_rows()
    }
    flipped = pl.col("a_first") != pl.col("b_first")
    told = contents.pairs.with_columns(outcome=pl.Series(outcomes(contents.pairs), dtype=pl.String)).with_columns(
        outcome=pl.when(flipped).then(pl.lit(FLIPPED)).otherwise("outcome")
    )
    shown = told.filter(pl.col("outcome").is_in(["win", "loss", FLIPPED]))
    first = shown.group_by("arm", "outcome", maintain_order=True).head(1)
    return [
        PairExample(arm, against, *said[arm, item, sample], said[against, item, sample][1], outcome)
        for arm, against, item, sample, outcome in first.select(
            "arm", "against", "item", "sample", "outcome"
        ).iter_rows()
    ]


def _long(claims: pl.DataFrame, row: dict[str, object]) -> LongExample:
    own = claims.filter([pl.col(key) == row[key] for key in ("arm", "item", "sample")])
    return LongExample(str(row["arm"]), str(row["prompt"]), str(row["response"]), tuple(_labelled(own)))


def _labelled(own: pl.DataFrame) -> Iterator[tuple[str, str]]:
    for text, label, status in own.sort("claim").select("text", "label", "status").iter_rows():
        yield text, (label or status).replace("_", " ")
