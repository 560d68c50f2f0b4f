"""A panel: one model against each of the others, metric by metric, on the same problems.

Differences are paired by item and signed so that above 0 the reference does better. Pairing takes off what makes
problems hard for everybody, so it separates models whose own intervals overlap. `detectable` is the difference that is
found in 80 % of such samples: below it, that two models are not told apart says nothing.

Martingale scores are compared by their distance from 0, |M|, resampling source items for both models at once. A model
whom nothing moves has no such score; it is `no_number`, and never the better one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import polars as pl
from scipy import stats as distributions

from veracity.core.estimate import Estimate
from veracity.metrics.belief_paths import BeliefPath
from veracity.stats.cluster import Floats, bootstrap_statistic
from veracity.stats.paired import paired_difference

Verdict = Literal["above", "below", "not_told_apart", "no_number"]
"""Where the reference stands; `no_number`: the other has no value on any shared problem, or no score."""
UNCOMPARED = ("martingale.share", "martingale.weight", "truth_accuracy.scored")
"""How names of metrics begin whose means over trajectories are no score of a model."""
SLOPE = "martingale.distance"
"""What the comparison of |M| is called."""
PAIRED_BY = ("domain", "item", "cluster", "replicate", "metric")


@dataclass(frozen=True, slots=True)
class Comparison:
    """The reference against one other model in one metric."""

    domain: str
    metric: str
    reference: str
    """Arm."""
    other: str
    """Arm."""
    difference: Estimate | None
    """Above 0 the reference is better; None without a shared problem."""
    verdict: Verdict
    detectable: float | None
    """Difference that 80 % of samples like this one tell from 0."""
    overlap: bool | None
    """Whether the two models' own 95 % intervals overlap; None where one has none."""

    def row(self) -> dict[str, Any]:
        """A row of the panel's table."""
        names = ("value", "ci_low", "ci_high", "n", "clusters")
        numbers = {name: None if self.difference is None else getattr(self.difference, name) for name in names}
        own = ("domain", "metric", "reference", "other", "verdict", "detectable", "overlap")
        return {name: getattr(self, name) for name in own} | numbers


PANEL: Mapping[str, pl.DataType] = {
    **dict.fromkeys(("domain", "metric", "reference", "other", "verdict"), pl.String()),
    **dict.fromkeys(("value", "ci_low", "ci_high", "detectable"), pl.Float64()),
    **dict.fromkeys(("n", "clusters"), pl.Int64()),
    "overlap": pl.Boolean(),
}
"""Columns of `tables/panel.parquet`."""


def panel_of_rows(
    rows: pl.DataFrame, pairs: Sequence[tuple[str, str]], *, seed: int, resamples: int = 2000
) -> list[Comparison]:
    """Every metric that has a better direction, for each (reference, other) pair of arms."""
    better = rows.filter(pl.col("direction") != "neither")
    found: list[Comparison] = []
    for reference, other in pairs:
        mine, theirs = (better.filter(pl.col("arm") == arm) for arm in (reference, other))
        for domain, metric, direction in (
            mine.select("domain", "metric", "direction").unique(maintain_order=True).rows()
        ):
            if not metric.startswith(UNCOMPARED):
                here = (pl.col("domain") == domain) & (pl.col("metric") == metric)
                sign = 1.0 if direction == "higher" else -1.0
                told = (domain, metric, reference, other)
                found.append(_compared(told, mine.filter(here), theirs.filter(here), sign, seed, resamples))
    return found


def _compared(
    told: tuple[str, str, str, str], mine: pl.DataFrame, theirs: pl.DataFrame, sign: float, seed: int, resamples: int
) -> Comparison:
    ok = [t.filter(pl.col("status") == "ok").select(*PAIRED_BY, "value") for t in (mine, theirs)]
    both = ok[0].join(ok[1], on=list(PAIRED_BY), suffix="_other", maintain_order="left")
    if not both.height:
        return Comparison(*told, None, "no_number", None, None)
    a, b = sign * both["value"].to_numpy(), sign * both["value_other"].to_numpy()
    sources = both["cluster"].to_list()
    difference = paired_difference(a, b, sources, seed=seed, resamples=resamples)
    alone = [paired_difference(x, np.zeros_like(x), sources, seed=seed, resamples=resamples) for x in (a, b)]
    return Comparison(*told, difference, verdict(difference), detectable(difference), _overlap(*alone))


def distance_from_martingale(
    told: tuple[str, str, str],
    mine: Sequence[BeliefPath],
    theirs: Sequence[BeliefPath],
    *,
    moved: bool,
    seed: int,
    resamples: int = 2000,
) -> Comparison:
    """|M| of the other less |M| of the reference, from the total changes of paths that both have.

    Args:
        told: Domain, reference and other arm.
        mine: Belief paths of the reference.
        theirs: Of the other.
        moved: Whether the other's beliefs are shown to move at all.
        seed: Of the bootstrap.
        resamples: Its draws.
    """
    domain, reference, other = told
    named = (domain, SLOPE, reference, other)
    columns, sources = _changes(mine, theirs)
    if not moved or len(sources) < 3 or np.ptp(columns[:, 0]) == 0 or np.ptp(columns[:, 4]) == 0:
        return Comparison(*named, None, "no_number", None, None)
    difference = bootstrap_statistic(columns, sources, _further, seed=seed, resamples=resamples, null=0.0)
    return Comparison(*named, difference, verdict(difference), detectable(difference), None)


def verdict(difference: Estimate) -> Verdict:
    """By the 95 % interval of a paired difference; models with equal values everywhere are not told apart."""
    if difference.ci_low > 0:
        return "above"
    return "below" if difference.ci_high < 0 else "not_told_apart"


def detectable(difference: Estimate, power: float = 0.8, level: float = 0.05) -> float | None:
    """(z(1 − level/2) + z(power)) · se; None without a standard error."""
    if not np.isfinite(difference.se):
        return None
    return float((distributions.norm.ppf(1 - level / 2) + distributions.norm.ppf(power)) * difference.se)


def _overlap(first: Estimate, second: Estimate) -> bool | None:
    ends = [first.ci_low, first.ci_high, second.ci_low, second.ci_high]
    if not all(np.isfinite(ends)):
        return None
    return first.ci_low <= second.ci_high and second.ci_low <= first.ci_high


def _changes(mine: Sequence[BeliefPath], theirs: Sequence[BeliefPath]) -> tuple[Floats, list[str]]:
    """x, d, x², x·d of both models over the paths that both have, and their source items."""
    other = {key: ends for path in theirs for key, ends in _ends(path)}
    rows, sources = [], []
    for path in mine:
        for key, (x, d) in _ends(path):
            if key in other:
                u, v = other[key]
                rows.append([x, d, x * x, x * d, u, v, u * u, u * v])
                sources.append(path.source)
    return np.array(rows, dtype=float).reshape(-1, 8), sources


def _ends(path: BeliefPath) -> Iterator[tuple[tuple[str, str, int], tuple[float, float]]]:
    before, after = path.initial.probability, path.end.probability
    if path.failure is None and path.options >= 2 and before is not None and after is not None:
        yield (path.domain, path.item, path.replicate), (before, after - before)


def _further(means: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        slopes = [(m[:, 3] - m[:, 0] * m[:, 1]) / (m[:, 2] - m[:, 0] ** 2) for m in (means[:, :4], means[:, 4:])]
    return np.asarray(np.abs(slopes[1]) - np.abs(slopes[0]))
