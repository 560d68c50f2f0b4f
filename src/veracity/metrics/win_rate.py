"""Win rate of system a over system b from a pairwise judge that saw each pair in both orders.

A pair is won only by who wins in both orders; a judge that changes its mind with the order has called a tie. Where it
failed in one order, the other counts and the pair is flagged; where it failed in both, the pair is dropped and counted.
Two answers with the same words are a tie that nobody has to judge, and tell nothing of the judge's flips. Long answers
win more often, so the rate is also given for answers of equal length.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Literal

import numpy as np
import polars as pl
from scipy import stats as distributions
from scipy.special import expit

from veracity.core.estimate import Estimate
from veracity.metrics.table_schema import TableSchema
from veracity.stats.cluster import bootstrap_mean, cluster_codes
from veracity.stats.proportion import clustered_proportion, wilson

Outcome = Literal["win", "loss", "tie"]

PAIR_STATES: Mapping[str, str] = {
    "judged": "in both orders",
    "one_order": "the judge failed in the other",
    "identical": "the same words twice: a tie, and nobody was asked",
    "judge_failed": "in both orders",
    "request_failed": "one of the two answers could not be had",
}
"""What became of a pair."""

_WINNERS = frozenset({"a", "b", "tie"})
PAIRS = TableSchema(
    name="pairs table",
    columns={
        "item": pl.String(),  # id of the prompt
        "cluster": pl.String(),  # what the prompt is about: the unit of every interval
        "arm": pl.String(),  # system a, whose win rate is meant
        "against": pl.String(),  # system b
        "sample": pl.Int64(),  # which answer of either, from 0
        "status": pl.String(),  # see PAIR_STATES
        "a_first": pl.String(),  # a, b, tie: who won where a was shown first; null where there is no verdict
        "b_first": pl.String(),  # the same where b was shown first
        "length_a": pl.Int64(),  # words; null where there is no answer
        "length_b": pl.Int64(),
        "reply_a_first": pl.String(),  # what the judge said, or why it said nothing
        "reply_b_first": pl.String(),
    },
    allowed={"a_first": _WINNERS, "b_first": _WINNERS, "status": frozenset(PAIR_STATES)},
    required=frozenset({"item", "cluster", "arm", "against", "sample", "status"}),
    key=("arm", "item", "sample"),
)
"""Columns of `tables/pairs.parquet`."""

LEAST_AGREEMENT, LEAST_PAIRS = 0.7, 100
"""What a judge must show against people, or a stronger judge, before its win rates mean anything."""


@dataclass(frozen=True, slots=True)
class WinRate:
    """How often a beats b. Counts add up: wins + losses + ties + dropped + missing are all pairs."""

    rate: Estimate
    """(wins + ½ ties) / decided pairs; chance .5; bootstrap over prompts."""
    length_controlled: Estimate | None
    """The rate expected at equal length; None where it cannot be fitted (fewer than three prompts, or the length, or
    nothing at all, tells every win from every loss)."""
    flip_rate: Estimate
    """Share of the pairs judged in both orders whose verdict changes with the order."""
    wins: int
    losses: int
    ties: int
    identical: int
    """Ties of two answers with the same words, which nobody was asked about."""
    one_order: int
    """Decided pairs that were judged in one order only."""
    dropped: int
    """Pairs that were judged in neither."""
    missing: int
    """Pairs that lack an answer."""


def decide(a_first: str | None, b_first: str | None) -> Outcome | None:
    """The outcome for a of one pair, from who won in either order (a, b, tie; None: the judge failed there)."""
    outcomes: dict[str, Outcome] = {"a": "win", "b": "loss", "tie": "tie"}
    verdicts = {verdict for verdict in (a_first, b_first) if verdict is not None}
    if not verdicts:
        return None
    return outcomes[verdicts.pop()] if len(verdicts) == 1 else "tie"


def outcomes(pairs: pl.DataFrame) -> list[Outcome | None]:
    """The outcome for a of every pair of a PAIRS table; None where there is none."""
    rows = pairs.select("status", "a_first", "b_first").iter_rows()
    return ["tie" if status == "identical" else decide(first, second) for status, first, second in rows]


def win_rate(pairs: pl.DataFrame, *, seed: int = 0) -> WinRate:
    """Everything about one table of pairs of two systems. DataError if it is none."""
    PAIRS.check(pairs)
    found = outcomes(pairs)
    decided = pairs.filter(pl.Series([outcome is not None for outcome in found], dtype=pl.Boolean))
    values = np.array([{"win": 1.0, "tie": 0.5, "loss": 0.0}[o] for o in found if o is not None])
    clusters = decided["cluster"].to_list()
    both = pairs.filter(pl.col("a_first").is_not_null() & pl.col("b_first").is_not_null())
    flipped = (both["a_first"] != both["b_first"]).to_list()
    missing = pairs.filter(pl.col("status") == "request_failed").height
    return WinRate(
        rate=_mean(values, clusters, seed),
        length_controlled=length_controlled_rate(
            values, (decided["length_a"] - decided["length_b"]).to_numpy(), clusters
        ),
        flip_rate=clustered_proportion(flipped, both["cluster"].to_list(), direction="lower", null=0.0),
        wins=found.count("win"),
        losses=found.count("loss"),
        ties=found.count("tie"),
        identical=pairs.filter(pl.col("status") == "identical").height,
        one_order=pairs.filter(pl.col("a_first").is_null() != pl.col("b_first").is_null()).height,
        dropped=found.count(None) - missing,
        missing=missing,
    )


def pairwise_failures(pairs: pl.DataFrame) -> Estimate:
    """Share of the questions to the judge (two a pair) that it gave no verdict on. Lower is better."""
    asked = pairs.filter(~pl.col("status").is_in(["identical", "request_failed"]))
    lost = [*asked["a_first"].is_null(), *asked["b_first"].is_null()]
    return clustered_proportion(lost, 2 * asked["cluster"].to_list(), direction="lower")


def length_controlled_rate(
    values: np.ndarray, longer_by: np.ndarray, clusters: Sequence[str], *, confidence: float = 0.95
) -> Estimate | None:
    """Logistic regression of the outcome on how much longer a's answer is, evaluated at equal length.

    `values` are 1 (win), ½ (tie), 0 (loss); `longer_by` is the difference in length, any unit. It is divided by its
    root mean square, and not centred, so that 0 stays equal length. Cluster-robust standard error on the logit scale,
    Student's quantile at clusters − 1 degrees of freedom. None where the fit has no finite answer.

    Source: the idea of Dubois et al., 2024 (arXiv 2404.04475), without their terms for model and instruction.
    """
    import statsmodels.api as sm
    from statsmodels.tools.sm_exceptions import PerfectSeparationError, PerfectSeparationWarning

    codes, count = cluster_codes(clusters, values.size)
    if count < 3 or np.all(values == values[0]):
        return None
    scale = float(np.sqrt(np.mean(np.square(longer_by, dtype=float))))
    columns = np.ones((values.size, 1)) if scale == 0 else np.column_stack([np.ones(values.size), longer_by / scale])
    with warnings.catch_warnings():
        warnings.simplefilter("error", PerfectSeparationWarning)
        warnings.simplefilter("ignore", RuntimeWarning)  # of a fit that runs away; the last check below sees those
        try:
            fit = sm.GLM(values, columns, family=sm.families.Binomial()).fit(
                cov_type="cluster", cov_kwds={"groups": codes}
            )
        except (PerfectSeparationError, PerfectSeparationWarning):
            return None
    logit, se = float(fit.params[0]), sqrt(max(0.0, float(fit.cov_params()[0][0])))
    if not fit.converged or abs(logit) > 15 or not np.isfinite(se):
        return None
    reach = float(distributions.t.ppf(0.5 + confidence / 2, count - 1)) * se
    value = float(expit(logit))
    low, high = float(expit(logit - reach)), float(expit(logit + reach))
    return Estimate(value, se * value * (1 - value), low, high, values.size, count, "higher", 0.5)


def judge_agreement(judge: Sequence[str], reference: Sequence[str]) -> Estimate:
    """Share of pairs on which the judge says what the reference says (a, b, tie); chance is ⅓.

    A judge below `LEAST_AGREEMENT` over `LEAST_PAIRS` pairs should not be used: `judge_may_be_used`.
    """
    if len(judge) != len(reference):
        raise ValueError(f"{len(judge)} verdicts of the judge but {len(reference)} references")
    return wilson(sum(j == r for j, r in zip(judge, reference, strict=True)), len(judge), null=1 / 3)


def judge_may_be_used(agreement: Estimate) -> bool:
    """Whether a judge agrees well enough, on enough pairs, for its win rates to be reported."""
    return agreement.n >= LEAST_PAIRS and agreement.value >= LEAST_AGREEMENT


def _mean(values: np.ndarray, clusters: Sequence[str], seed: int) -> Estimate:
    """Bootstrap over prompts; where all pairs end alike, that interval has no width, and Wilson's is given."""
    if values.size and np.any(values != values[0]):
        return bootstrap_mean(values, clusters, seed=seed, direction="higher", null=0.5)
    return clustered_proportion(values, clusters, direction="higher", null=0.5)
