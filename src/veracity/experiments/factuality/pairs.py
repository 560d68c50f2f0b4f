"""Win rate: the long answers of every arm beside the reference arm's, judged in both orders.

Answers to the same prompt with the same number are a pair. Two answers with the same words are a tie that nobody is
asked about; where one of the two could not be had, nobody is asked either, and there is no outcome.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from veracity.core.problem import Problem
from veracity.core.records import Failure
from veracity.core.requests import Generate, Sampling, user
from veracity.engine import Expected
from veracity.engine.plan import CHARACTERS_A_TOKEN
from veracity.judging.win_rate import PairVerdict, PairwiseSettings, judge_pair

if TYPE_CHECKING:
    import polars as pl

    from veracity.experiments.desk import Works
    from veracity.experiments.factuality.settings import LongSettings

AROUND = 900
"""Characters of the judge's instructions with a question."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two answers to one prompt; one that could not be had is None."""

    problem: Problem
    arm: str
    against: str
    sample: int
    own: str | None
    other: str | None

    @property
    def key(self) -> str:
        """Names the pair within a run."""
        return f"{self.arm}/{self.problem.id}/{self.sample}"

    @property
    def identical(self) -> bool:
        """Whether both say the same, word for word."""
        return self.own is not None and self.other is not None and self.own.split() == self.other.split()


def pairs_of(replies: pl.DataFrame, problems: Sequence[Problem], against: str) -> Iterator[Pair]:
    """Every answer of every other arm with its counterpart of the arm `against`, in the replies' order."""
    by_id = {p.id: p for p in problems}
    rows = list(replies.select("item", "arm", "sample", "reply").iter_rows())
    reference = {(item, sample): reply for item, arm, sample, reply in rows if arm == against}
    for item, arm, sample, reply in rows:
        if arm != against:
            yield Pair(by_id[item], arm, against, sample, reply, reference[item, sample])


def judged_pairs(worker: Works, problems: Sequence[Problem], replies: pl.DataFrame, against: str) -> pl.DataFrame:
    """The table of pairs (`veracity.metrics.win_rate.PAIRS`)."""
    from veracity.metrics.win_rate import PAIRS

    pairs = list(pairs_of(replies, problems, against))
    programs = {
        pair.key: judge_pair(pair.problem.messages()[0].content, pair.own, pair.other)
        for pair in pairs
        if pair.own is not None and pair.other is not None and not pair.identical
    }
    results = worker.run("pairs", programs)
    return PAIRS.frame(_row(pair, results) for pair in pairs)


def expected_pairs(settings: LongSettings, problems: int) -> Iterator[Expected]:
    """What the judge is asked about the pairs of so many prompts; nothing where no win rate is wanted."""
    if settings.win_rate_against is None:
        return
    pairs = problems * settings.samples * (len(settings.arms) - 1)
    shown = "x" * (AROUND + 2 * CHARACTERS_A_TOKEN * settings.max_tokens)
    yield Expected(
        Generate("judge", user(shown), sampling=Sampling(max_tokens=PairwiseSettings().max_tokens)), times=2 * pairs
    )


def _row(pair: Pair, results: Mapping[str, PairVerdict | Failure]) -> dict[str, Any]:
    row: dict[str, Any] = {
        "item": pair.problem.id,
        "cluster": pair.problem.cluster or pair.problem.id,
        "arm": pair.arm,
        "against": pair.against,
        "sample": pair.sample,
        "length_a": None if pair.own is None else len(pair.own.split()),
        "length_b": None if pair.other is None else len(pair.other.split()),
    }
    result = results.get(pair.key)
    if isinstance(result, PairVerdict):
        return row | result.as_row()
    if isinstance(result, Failure):
        return row | {"status": "judge_failed", "reply_a_first": f"{result.kind}: {result.reason}"}
    return row | {"status": "identical" if pair.identical else "request_failed"}
