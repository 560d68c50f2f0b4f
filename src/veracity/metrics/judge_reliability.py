"""How far readings of beliefs can be trusted: a judge against itself, asked again, and against another judge.

A judge's noise biases whatever regresses on its readings: with reading noise of standard deviation s on beliefs of
variance V an honest reasoner's martingale slope reads −s²/(V + s²). So noise is measured on every run, from replicate
readings of the same belief, and reported beside what was measured with them.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from veracity.core.estimate import Direction, Estimate
from veracity.metrics.belief_rows import check_beliefs
from veracity.stats.cluster import Floats, Statistic, bootstrap_statistic
from veracity.stats.proportion import clustered_proportion

BELIEF = ("domain", "item", "cluster", "trajectory", "step", "prior", "owner", "view")
"""Columns that name one belief: readings that agree in them differ by judge and replicate alone."""


@dataclass(frozen=True, slots=True)
class JudgeReliability:
    """One judge, asked the same again."""

    judge: str
    noise: Estimate
    """Standard deviation of one reading around the mean of all that it would give, on the scale of probabilities; n is
    the number of beliefs that were read more than once."""
    reliability: Estimate
    """Share of the variance of single readings that is not noise, at most 1; null 0. Over the same beliefs; n is 0
    where their readings do not vary."""
    readable: Estimate
    """Share of readings that gave a probability."""
    statuses: Mapping[str, int]
    """Readings by status."""


@dataclass(frozen=True, slots=True)
class JudgeAgreement:
    """Two judges on the beliefs that both read; each belief is the mean of a judge's readings."""

    first: str
    second: str
    correlation: Estimate
    """Pearson's r; null 0."""
    difference: Estimate
    """Mean of the first minus the second; null 0."""
    distance: Estimate
    """Mean absolute difference."""


def judge_reliability(beliefs: pl.DataFrame, *, seed: int, resamples: int = 2000) -> dict[str, JudgeReliability]:
    """Test–retest reliability by judge, intervals by source item.

    Raises:
        DataError: the table breaks its rules.
    """
    check_beliefs(beliefs)
    found = {}
    for judge in beliefs["judge"].unique(maintain_order=True).to_list():
        rows = beliefs.filter(pl.col("judge") == judge)
        read = rows["status"] == "ok"
        found[judge] = JudgeReliability(
            judge=judge,
            noise=_retest(rows, _noise, "lower", None, seed, resamples),
            reliability=_retest(rows, _reliability, "higher", 0.0, seed, resamples),
            readable=clustered_proportion(read.to_list(), rows["cluster"].to_list(), direction="higher"),
            statuses=dict(sorted(rows["status"].value_counts().iter_rows())),
        )
    return found


def judge_agreement(
    beliefs: pl.DataFrame, first: str, second: str, *, seed: int, resamples: int = 2000
) -> JudgeAgreement:
    """How two judges, by identity, agree on the beliefs that both could read.

    Raises:
        DataError: the table breaks its rules.
    """
    check_beliefs(beliefs)
    means = [_means(beliefs.filter(pl.col("judge") == judge)) for judge in (first, second)]
    both = means[0].join(means[1], on=BELIEF, suffix="_second", maintain_order="left")
    x, y = both["mean"].to_numpy(), both["mean_second"].to_numpy()
    clusters = both["cluster"].to_list()

    def estimate(statistic: Statistic, direction: Direction, null: float | None, *columns: Floats) -> Estimate:
        return _estimate(_columns(*columns), clusters, statistic, direction, null, seed, resamples)

    return JudgeAgreement(
        first,
        second,
        correlation=estimate(_pearson, "higher", 0.0, x, y, x * x, y * y, x * y),
        difference=estimate(_mean, "neither", 0.0, x - y),
        distance=estimate(_mean, "lower", None, np.abs(x - y)),
    )


def _means(rows: pl.DataFrame, *further: str) -> pl.DataFrame:
    """One row a belief (and a value of the `further` columns): its readings' mean, mean square, and spread."""
    reading = pl.col("probability")
    return (
        rows.filter(pl.col("status") == "ok")
        .group_by(*BELIEF, *further, maintain_order=True)
        .agg(
            mean=reading.mean(),
            square=(reading**2).mean(),
            freedom=pl.len().cast(pl.Float64) - 1,
            deviations=((reading - reading.mean()) ** 2).sum(),
        )
    )


def _retest(
    rows: pl.DataFrame, statistic: Statistic, direction: Direction, null: float | None, seed: int, resamples: int
) -> Estimate:
    """`statistic` of the beliefs that were read at least twice in the same way."""
    again = _means(rows, "prompt_hash").filter(pl.col("freedom") > 0)
    columns = _columns(*(again[name].to_numpy() for name in ("deviations", "freedom", "mean", "square")))
    return _estimate(columns, again["cluster"].to_list(), statistic, direction, null, seed, resamples)


def _estimate(
    columns: Floats,
    clusters: list[str],
    statistic: Statistic,
    direction: Direction,
    null: float | None,
    seed: int,
    resamples: int,
) -> Estimate:
    """The cluster bootstrap; where the statistic is not defined (nothing varies), an estimate of no rows."""
    found = bootstrap_statistic(
        columns, clusters, statistic, seed=seed, resamples=resamples, direction=direction, null=null
    )
    if math.isfinite(found.value):
        return found
    return Estimate(math.nan, math.nan, math.nan, math.nan, 0, 0, direction, null)


def _columns(*columns: Floats) -> Floats:
    return np.column_stack(columns).astype(float)


def _noise(means: Floats) -> Floats:
    """Pooled standard deviation within beliefs: the root of all squared deviations over all degrees of freedom."""
    return np.asarray(np.sqrt(means[:, 0] / means[:, 1]))


def _reliability(means: Floats) -> Floats:
    """One less the share of noise in the variance of single readings; NaN where they do not vary."""
    variance = means[:, 3] - means[:, 2] ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(variance > 1e-12, 1 - means[:, 0] / means[:, 1] / variance, np.nan))


def _pearson(means: Floats) -> Floats:
    x, y, xx, yy, xy = means.T
    spread = np.sqrt(np.clip(xx - x * x, 0, None) * np.clip(yy - y * y, 0, None))
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(spread > 1e-12, (xy - x * y) / spread, np.nan))


def _mean(means: Floats) -> Floats:
    return means[:, 0]
