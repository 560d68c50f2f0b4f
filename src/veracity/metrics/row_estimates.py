"""From rows of one metric to its estimate: the mean by arm, source items resampled, every failure counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from veracity.core.errors import DataError
from veracity.core.estimate import Direction, Estimate
from veracity.metrics.metric_rows import METRIC_ROWS, check_metric_rows
from veracity.stats.cluster import bootstrap_mean


@dataclass(frozen=True, slots=True)
class MetricSummary:
    """One metric of one arm."""

    metric: str
    arm: str
    estimate: Estimate
    """Mean of the rows that have a value; `n` 0 where fewer than the minimum have one."""
    statuses: Mapping[str, int]
    """All rows by status; they add up to the rows of the metric and arm."""

    @property
    def status(self) -> str:
        """`ok`, or `insufficient`: too few rows have a value for a mean to be reported."""
        return "ok" if self.estimate.n else "insufficient"


def summarise(
    rows: pl.DataFrame, metric: str, arm: str, *, seed: int, null: float | None = None, minimum: int = 1
) -> MetricSummary:
    """Mean of `metric` over the rows of `arm`, with a cluster-bootstrap interval.

    Args:
        rows: a table of METRIC_ROWS.
        metric: its name and variant.
        arm: the system that is meant.
        seed: of the bootstrap.
        null: what chance, or no effect, would give.
        minimum: rows with a value below which there is no mean.

    Raises:
        DataError: the table breaks its rules, or holds no row of that metric and arm.
    """
    check_metric_rows(rows)
    chosen = rows.filter((pl.col("metric") == metric) & (pl.col("arm") == arm))
    if not chosen.height:
        known = ", ".join(sorted(rows["metric"].unique().to_list())) or "none"
        raise DataError(f"holds no row of {metric!r} for {arm!r}; it has: {known}", path=METRIC_ROWS.name)
    valid = chosen.filter(pl.col("status") == "ok")
    kept = valid if valid.height >= minimum else valid.clear()
    direction: Direction = chosen["direction"][0]
    estimate = bootstrap_mean(
        kept["value"].to_numpy(), kept["cluster"].to_list(), seed=seed, direction=direction, null=null
    )
    return MetricSummary(metric, arm, estimate, dict(sorted(chosen["status"].value_counts().iter_rows())))
