"""What a training did: every arm's facts and answers, and its change against a reference arm on the same items.

One row an item, averaged over its samples (and over training seeds, pooled by `pooled_seeds`); a change is a difference
and a ratio of means over the items that both arms have, with intervals from a bootstrap over source items.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from veracity.core.errors import DataError
from veracity.core.estimate import Direction, Estimate
from veracity.metrics.comparison_items import answer_items, claim_items
from veracity.metrics.long_form import FAILED
from veracity.metrics.long_form_rows import response_counts
from veracity.stats.cluster import bootstrap_mean, bootstrap_statistic

SEED = "#"
"""Stands between an arm and the seed of its training: `fs#2`."""
LONG: Mapping[str, Direction] = {
    "right": "higher",
    "wrong": "lower",
    "share_wrong": "lower",
    "precision": "higher",
    "f1_at_k": "higher",
    "abstained": "neither",
    "words": "neither",
}
"""Columns of `long_items` with the better direction. `right`, `wrong`: facts a response, 0 where it abstains.
`share_wrong` = 1 − `precision`: mean over responses that make claims (Tian et al., 2023, report these three)."""
SHORT: Mapping[str, Direction] = {
    "correct": "higher",
    "incorrect": "lower",
    "not_attempted": "neither",
    "brier": "lower",
}
KNOWN: Mapping[str, Direction] = {"recall": "higher", "weighted_recall": "higher"}
"""Columns of `coverage_items`: how much of what the base model knows is said."""
DIRECTIONS: Mapping[str, Direction] = {**LONG, **SHORT, **KNOWN}


@dataclass(frozen=True, slots=True)
class Change:
    """One measure of an arm against the same of a reference."""

    difference: Estimate
    """Arm minus reference; no effect: 0."""
    ratio: Estimate
    """Arm over reference; no effect: 1. Of no rows where the reference is 0."""

    @property
    def fall(self) -> Estimate:
        """1 − ratio: by what share the measure fell; no effect: 0, and higher is more of a fall."""
        r = self.ratio
        return Estimate(1 - r.value, r.se, 1 - r.ci_high, 1 - r.ci_low, r.n, r.clusters, "higher", 0.0)


def pooled_seeds(table: pl.DataFrame) -> pl.DataFrame:
    """Rows of `fs#0`, `fs#1`, … as further samples of the arm `fs`; an arm without a seed stays as it is."""
    parts = table["arm"].str.splitn(SEED, 2).struct.rename_fields(["arm", "seed"]).struct.unnest()
    runs = parts["seed"].cast(pl.Int64).fill_null(0)
    step = (table["sample"].max() or 0) + 1  # type: ignore[operator]
    return table.with_columns(arm=parts["arm"], sample=table["sample"] + runs * step)


def long_items(responses: pl.DataFrame, claims: pl.DataFrame, k: int) -> pl.DataFrame:
    """Long answers of one arm: `item`, `cluster` and the columns of `LONG`, means over samples.

    Responses that could not be had or read are left out. DataError as `response_counts`.
    """
    counts = response_counts(responses, claims).filter(~pl.col("status").is_in(FAILED))
    facts = counts.group_by("item", maintain_order=True).agg(
        right=pl.col("supported").mean(), wrong=(pl.col("refuted") + pl.col("not_enough")).mean()
    )
    scored = claim_items(responses, claims, k).with_columns(share_wrong=1 - pl.col("precision"))
    return scored.join(facts, on="item", maintain_order="left").select("item", "cluster", *LONG)


def short_items(answers: pl.DataFrame) -> pl.DataFrame:
    """Short answers of one arm: `item`, `cluster` and the columns of `SHORT`, means over samples."""
    return answer_items(answers).select("item", "cluster", *SHORT)


def means(items: pl.DataFrame, *, seed: int = 0) -> dict[str, Estimate]:
    """The mean over items of every measure."""
    return {
        name: bootstrap_mean(items[name].to_numpy(), items["cluster"].to_list(), seed=seed, direction=DIRECTIONS[name])
        for name in items.columns
        if name not in ("item", "cluster")
    }


def changes(items: pl.DataFrame, reference: pl.DataFrame, *, seed: int = 0) -> dict[str, Change]:
    """Every measure's change on the items that both have a value for.

    Raises:
        DataError: the two share no item.
    """
    both = items.join(reference, on="item", suffix="_reference", maintain_order="left")
    if not both.height:
        raise DataError("two arms answer no item in common; evaluate them on the same problems", path="arms")
    names = [name for name in items.columns if name not in ("item", "cluster")]
    return {name: _change(both, name, seed) for name in names}


def _change(both: pl.DataFrame, name: str, seed: int) -> Change:
    pairs = both.select(pl.col(name, f"{name}_reference").fill_null(np.nan)).to_numpy().astype(float)
    pairs[np.isnan(pairs).any(axis=1)] = np.nan
    clusters, direction = both["cluster"].to_list(), DIRECTIONS[name]

    def ratio(columns: np.ndarray) -> np.ndarray:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(columns[:, 0] / columns[:, 1])

    def difference(columns: np.ndarray) -> np.ndarray:
        return np.asarray(columns[:, 0] - columns[:, 1])

    nothing = not np.nansum(np.abs(pairs[:, 1]))
    return Change(
        bootstrap_statistic(pairs, clusters, difference, seed=seed, direction=direction, null=0.0),
        bootstrap_statistic(
            np.full_like(pairs, np.nan) if nothing else pairs, clusters, ratio, seed=seed, direction=direction, null=1.0
        ),
    )
