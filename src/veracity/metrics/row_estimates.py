"""From rows of metric values to estimates: the mean of each metric, with an interval by source item.

Rows without a value are counted by their status beside the mean, and never part of it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import polars as pl

from veracity.core.errors import DataError
from veracity.core.estimate import Estimate
from veracity.metrics.metric_rows import METRIC_ROWS, check_metric_rows
from veracity.stats.cluster import bootstrap_mean
from veracity.stats.proportion import clustered_proportion


@dataclass(frozen=True, slots=True)
class RowEstimate:
    """The mean of one metric over rows that have a value."""

    estimate: Estimate
    """Of no rows where none has a value."""
    statuses: Mapping[str, int]
    """All rows by status."""


def row_estimates(
    rows: pl.DataFrame,
    *,
    seed: int,
    nulls: Mapping[str, float] | None = None,
    shares: Collection[str] = (),
    resamples: int = 2000,
) -> dict[str, RowEstimate]:
    """One estimate a metric of `rows`, in the order in which they come.

    Args:
        rows: A table of metric values of one arm and one configuration a metric.
        seed: Of the bootstrap.
        nulls: What chance, or no effect, would give, by metric.
        shares: Metrics whose values are shares of something that happened or did not: Wilson's interval.
        resamples: Draws of the bootstrap.

    Raises:
        DataError: the table breaks its rules, or mixes arms or configurations.
    """
    check_metric_rows(rows)
    for column, group in (("arm", []), ("config", ["metric"])):
        kinds = rows.select(pl.col(column).n_unique()) if not group else rows.group_by(group).agg(pl.n_unique(column))
        if rows.height and (kinds[column] > 1).any():
            raise DataError("has several values; estimate each on its own", path=METRIC_ROWS.name, field=column)
    found = {}
    for metric in rows["metric"].unique(maintain_order=True).to_list():
        own = rows.filter(pl.col("metric") == metric)
        ok = own.filter(pl.col("status") == "ok")
        sources = [f"{domain}/{cluster}" for domain, cluster in ok.select("domain", "cluster").iter_rows()]
        direction, null = own["direction"][0], (nulls or {}).get(metric)
        if metric in shares:
            estimate = clustered_proportion(ok["value"].to_numpy(), sources, direction=direction, null=null)
        else:
            estimate = bootstrap_mean(
                ok["value"].to_numpy(), sources, seed=seed, resamples=resamples, direction=direction, null=null
            )
        found[metric] = RowEstimate(estimate, dict(sorted(own["status"].value_counts().iter_rows())))
    return found
