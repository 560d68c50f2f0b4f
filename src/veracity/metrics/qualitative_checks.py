"""How far to trust the qualitative judge: its cases swapped, a second rater, the same asked again, and what was lost.

Every check is of the whole run, over all arms: a judge is one judge, and a tenth of one arm's trajectories is little.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from veracity.core.estimate import Direction, Estimate
from veracity.core.identity import derive_seed
from veracity.metrics.qualitative import VERDICTS, criteria_named
from veracity.metrics.table_schema import TableSchema
from veracity.stats.cluster import Floats, bootstrap_statistic
from veracity.stats.proportion import clustered_proportion
from veracity.stats.weighted import bootstrap_weighted

CHECKS = TableSchema(
    name="qualitative checks table",
    columns={
        "check": pl.String(),  # readable, noise, swap, double_scoring
        "told": pl.String(),  # which number of the check
        "of": pl.String(),  # overall, a criterion, or whose verdicts
        "value": pl.Float64(),  # null where there is no number
        "se": pl.Float64(),
        "ci_low": pl.Float64(),
        "ci_high": pl.Float64(),
        "n": pl.Int64(),  # trajectories; of `readable`, verdicts
        "clusters": pl.Int64(),  # source items behind them
        "direction": pl.String(),
        "null": pl.Float64(),
        "reason": pl.String(),  # why there is no number
    },
    required=frozenset({"check", "told", "of", "n", "clusters", "direction"}),
    key=("check", "told", "of"),
)
"""Columns of `tables/qualitative_checks.parquet`."""

TRAJECTORY = ("arm", "domain", "cluster", "trajectory")
SAME = 1e-9
"""Scores that differ by less are one score, reckoned twice."""


@dataclass(frozen=True, slots=True)
class Check:
    """One number of one check."""

    check: str
    told: str
    of: str
    estimate: Estimate
    """Of no rows where there is no number."""
    reason: str | None = None

    def row(self) -> dict[str, Any]:
        """A row of the table."""
        e = self.estimate
        names = ("value", "se", "ci_low", "ci_high", "null")
        numbers = {n: None if (v := getattr(e, n)) is None or math.isnan(v) else v for n in names}
        counts = {"n": e.n, "clusters": e.clusters, "direction": e.direction}
        return {"check": self.check, "told": self.told, "of": self.of, "reason": self.reason} | numbers | counts


@dataclass(frozen=True, slots=True)
class SwapTest:
    """What it does to a score that the case for a trajectory is shown before the case against it.

    Both cases are the same texts in either order; only what is made of them is written anew.
    """

    effect: Estimate
    """Mean score with the case for first, less that with the case against first; null 0."""
    size: Estimate
    """Mean absolute difference, which holds the noise of verdicts, too."""
    changed: Estimate
    """Share of trajectories that get another score."""


def double_scored(trajectories: Sequence[str], *, share: float = 0.1, seed: int = 0) -> list[str]:
    """Which trajectories are scored twice: `share` of them, at least one, the same ones whatever the order given."""
    ranked = sorted(trajectories, key=lambda name: derive_seed(seed, "double scoring", name))
    return sorted(ranked[: max(1, round(share * len(ranked)))]) if ranked and share > 0 else []


def qualitative_checks(
    verdicts: pl.DataFrame,
    swapped: pl.DataFrame | None = None,
    second: pl.DataFrame | None = None,
    *,
    seed: int,
    resamples: int = 2000,
) -> list[Check]:
    """All checks that the tables allow; a table that is None was not asked for.

    Args:
        verdicts: Of the judge.
        swapped: Of the same judge, with the case for shown first.
        second: Of the second rater.
        seed: Of the bootstrap.
        resamples: Draws of the bootstrap.

    Raises:
        DataError: a table breaks its schema.
    """
    how = {"seed": seed, "resamples": resamples}
    told = [("judge", verdicts), ("judge, swapped", swapped), ("second rater", second)]
    found = [_readable(name, table) for name, table in told if table is not None and table.height]
    noise = verdict_noise(verdicts, **how)
    if noise.n:
        found.append(Check("noise", "standard deviation of a verdict", "overall", noise))
    if swapped is not None:
        test = swap_test(verdicts, swapped, **how)
        reason = None if test.effect.n else "no trajectory has a verdict in both orders"
        found += [
            Check("swap", "case for first, less case against first", "overall", test.effect, reason),
            Check("swap", "absolute difference", "overall", test.size, reason),
            Check("swap", "share of scores that change", "overall", test.changed, reason),
        ]
    if second is not None:
        found += _double_scoring(verdicts, second, **how)
    return found


def verdict_noise(verdicts: pl.DataFrame, *, seed: int, resamples: int = 2000) -> Estimate:
    """Standard deviation of one verdict around the mean of all that its trajectory would get; lower is better.

    Pooled over trajectories with several verdicts (rounds, orders of examples), which `n` counts; interval by source.
    """
    score = pl.col("overall")
    again = (
        VERDICTS.check(verdicts)
        .filter(pl.col("status") == "ok")
        .group_by(*TRAJECTORY, "judge", maintain_order=True)
        .agg(freedom=pl.len().cast(pl.Float64) - 1, deviations=((score - score.mean()) ** 2).sum())
        .filter(pl.col("freedom") > 0)
    )

    def pooled(means: Floats) -> Floats:
        return np.asarray(np.sqrt(means[:, 0] / means[:, 1]))

    return bootstrap_statistic(
        again.select("deviations", "freedom").to_numpy(), _sources(again), pooled,
        seed=seed, resamples=resamples, direction="lower",
    )  # fmt: skip


def swap_test(verdicts: pl.DataFrame, swapped: pl.DataFrame, *, seed: int, resamples: int = 2000) -> SwapTest:
    """The swap test on trajectories that have verdicts in both orders; estimates of no rows without any."""
    both = _paired(verdicts, swapped, "overall")
    gap = (both["second"] - both["first"]).to_numpy()
    clusters = _sources(both)

    def mean(values: Floats, direction: Direction, null: float | None) -> Estimate:
        return bootstrap_statistic(
            values[:, None], clusters, _first, seed=seed, resamples=resamples, direction=direction, null=null
        )

    return SwapTest(
        effect=mean(gap, "neither", 0.0),
        size=mean(np.abs(gap), "lower", None),
        changed=clustered_proportion((np.abs(gap) > SAME).tolist(), clusters, direction="lower"),
    )


def krippendorff_alpha(
    ratings: Sequence[Sequence[float | None]], clusters: Sequence[str], *, seed: int, resamples: int = 2000
) -> Estimate:
    """Krippendorff's α of interval data, 1 − D_o / D_e: 1 is agreement, 0 what chance gives.

    With m_u ratings of thing u and N of all things that have two or more, D_o = Σ_u S_u / (m_u − 1) / N and
    D_e = S / (N (N − 1)), S_u and S the squared differences over all ordered pairs within u and over all.

    Args:
        ratings: One sequence a rated thing, one entry a rater; None where that rater gave none.
        clusters: Source item of each thing; whole ones are drawn for the interval.
        seed: Of the bootstrap.
        resamples: Draws of the bootstrap.

    Returns:
        An estimate of no rows where no thing has two ratings, or all ratings are equal; n counts things.

    Source: Krippendorff, 2011, Computing Krippendorff's alpha-reliability.
    """
    units = [([r for r in unit if r is not None], cluster) for unit, cluster in zip(ratings, clusters, strict=True)]
    paired = [(unit, cluster) for unit, cluster in units if len(unit) > 1]
    if not paired:
        return _nothing("higher", 0.0)
    centre = math.fsum(r for unit, _ in paired for r in unit) / sum(len(unit) for unit, _ in paired)
    values = [np.asarray(unit) - centre for unit, _ in paired]  # as a difference from the mean, for accuracy
    count = np.array([len(v) for v in values], dtype=float)
    total, square = np.array([v.sum() for v in values]), np.array([v @ v for v in values])
    inside = 2 * (count * square - total**2) / (count - 1)

    def alpha(weights: Floats) -> Floats:
        n = weights @ count
        expected = 2 * (n * (weights @ square) - (weights @ total) ** 2) / (n * (n - 1))
        with np.errstate(invalid="ignore", divide="ignore"):
            return np.asarray(np.where(expected > SAME**2, 1 - (weights @ inside) / n / expected, np.nan))

    return bootstrap_weighted(alpha, [c for _, c in paired], seed=seed, resamples=resamples, null=0.0)


def _double_scoring(verdicts: pl.DataFrame, second: pl.DataFrame, *, seed: int, resamples: int) -> Iterator[Check]:
    """Agreement of two raters on the overall score and on each criterion."""
    how = {"seed": seed, "resamples": resamples}
    for name in ("overall", *criteria_named(verdicts)):
        both = _paired(verdicts, second, name)
        clusters = _sources(both)
        alpha = krippendorff_alpha(both.select("first", "second").rows(), clusters, **how)
        none = "no trajectory has a verdict of both"
        why = None if alpha.n else none if not both.height else "all scores are equal"
        yield Check("double_scoring", "Krippendorff’s α", name, alpha, why)
        gap = (both["second"] - both["first"]).to_numpy()[:, None]
        mean = bootstrap_statistic(gap, clusters, _first, direction="neither", null=0.0, seed=seed, resamples=resamples)
        yield Check("double_scoring", "second rater less judge", name, mean, None if mean.n else none)


def _readable(whose: str, verdicts: pl.DataFrame) -> Check:
    ok = verdicts["status"] == "ok"
    share = clustered_proportion(ok.to_list(), _sources(verdicts), direction="higher")
    lost = verdicts.filter(~ok)["status"].value_counts(sort=True)
    said = ", ".join(f"{count} {status}" for status, count in lost.iter_rows())
    return Check("readable", "verdicts that could be read", whose, share, said or None)


def _sources(rows: pl.DataFrame) -> list[str]:
    """Source item of each row; domains name theirs each for itself."""
    return rows.select(pl.col("domain") + "/" + pl.col("cluster")).to_series().to_list()


def _paired(first: pl.DataFrame, second: pl.DataFrame, name: str) -> pl.DataFrame:
    """Trajectories that both tables score, with the mean of each table's verdicts."""
    means = [_means(VERDICTS.check(table), name, column) for table, column in ((first, "first"), (second, "second"))]
    return means[0].join(means[1], on=TRAJECTORY, maintain_order="left")


def _means(verdicts: pl.DataFrame, name: str, column: str) -> pl.DataFrame:
    ok = verdicts.filter(pl.col("status") == "ok")
    if name != "overall":
        ok = ok.explode("criteria").unnest("criteria").filter(pl.col("name") == name).with_columns(overall="score")
    return ok.group_by(*TRAJECTORY, maintain_order=True).agg(pl.col("overall").mean().alias(column))


def _first(means: Floats) -> Floats:
    return means[:, 0]


def _nothing(direction: Direction, null: float | None) -> Estimate:
    return Estimate(math.nan, math.nan, math.nan, math.nan, 0, 0, direction, null)
