"""Which rows make a measured quantity, how a row becomes a number, and how rows line up over seeds.

Strict scoring: a reply that cannot be parsed is a failure of the model and counts as 0; a request that failed is
not the model's doing and has no score. The paper's own scoring, which drops the unparsed ones, is in
`paper_scoring`. A phase's clock is `since`, epochs since the phase's own start, so that seeds whose phases start
at different epochs (their saturation epochs differ) still line up.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl
from numpy.typing import NDArray

from veracity.core.estimate import Direction, Estimate
from veracity.metrics.probe_rows import Arm, FoilKind, Probe, ProbePhase, Target, check_probe_rows
from veracity.stats.cluster import Statistic, bootstrap_statistic
from veracity.stats.proportion import clustered_proportion

KEYS = ("seed", "fact", "subject")


@dataclass(frozen=True, slots=True)
class Series:
    """A quantity that is followed over epochs: the share of right rows of one probe about one value."""

    probe: Probe
    target: Target
    arm: Arm = "target"
    foil_kind: FoilKind | None = None
    """None: rows of every foil kind."""

    @property
    def chance(self) -> float | None:
        """What knowing nothing gives: .5 for verification and forced choice, 0 for recall, None where unknown."""
        if self.probe in ("forced_choice", "verification"):
            return 0.5
        return 0.0 if self.arm == "target" and self.probe in ("generation", "reverse") else None

    def mask(self) -> pl.Expr:
        """True for the rows of this series."""
        mask = (pl.col("probe") == self.probe) & (pl.col("target") == self.target) & (pl.col("arm") == self.arm)
        return mask if self.foil_kind is None else mask & (pl.col("foil_kind") == self.foil_kind)


@dataclass(frozen=True, slots=True)
class Point:
    """A series at one moment."""

    series: Series
    phase: ProbePhase
    since: int
    """Epochs since the start of the phase."""
    delay: int = 0


def recall(target: Target = "learn") -> Series:
    """G: does the model state the value when it is asked the question?"""
    return Series("generation", target)


def recognition(target: Target = "learn", probe: Probe = "forced_choice") -> Series:
    """V: does the model tell the value from a foil (forced choice), or call it correct (verification)?

    The paper's V is the text verdict, whose accuracy at chance depends on the model's bias to say True; forced
    choice has no such bias, needs no parser, and its chance level is .5 by construction.
    """
    return Series(probe, target, "target", "foil" if probe == "forced_choice" else None)


def recognition_probe(rows: pl.DataFrame) -> Probe:
    """`forced_choice` where the table has it, else `verification`."""
    return "forced_choice" if (rows["probe"] == "forced_choice").any() else "verification"


def scored_rows(rows: pl.DataFrame) -> pl.DataFrame:
    """The probe table without texts, with `score` (0, 1, or null for a failed request) and `since`."""
    start = pl.col("epoch").min().over("seed", "phase", "delay")
    score = (
        pl.when(pl.col("status") == "request_failed")
        .then(None)
        .when(pl.col("status") == "parse_failed")
        .then(0.0)
        .otherwise(pl.col("correct").cast(pl.Float64))
    )
    checked = check_probe_rows(rows).drop("prompt", "reply", "answer")
    return checked.with_columns(score=score, since=pl.col("epoch") - start)


def seeds_of(scored: pl.DataFrame) -> list[int]:
    """The seeds in the table, sorted."""
    return sorted(scored["seed"].unique().to_list())


def clock(scored: pl.DataFrame, phase: ProbePhase, delay: int = 0) -> list[int]:
    """The values of `since` at which every seed that has the phase was probed, sorted; empty without the phase."""
    own = scored.filter((pl.col("phase") == phase) & (pl.col("delay") == delay))
    everyone = own["seed"].n_unique()
    counts = own.group_by("since").agg(pl.col("seed").n_unique())
    return sorted(counts.filter(pl.col("seed") == everyone)["since"].to_list())


def fact_table(scored: pl.DataFrame, points: Mapping[str, Point]) -> pl.DataFrame:
    """One row a (seed, fact), sorted, one column a point: the mean score of the fact's rows, null without one."""
    frames = []
    for name, point in points.items():
        here = (pl.col("phase") == point.phase) & (pl.col("delay") == point.delay) & (pl.col("since") == point.since)
        chosen = scored.filter(here & point.series.mask())
        frames.append(chosen.group_by(KEYS).agg(pl.col("score").mean().alias(name)))
    table = frames[0]
    for frame in frames[1:]:
        table = table.join(frame, on=KEYS, how="full", coalesce=True)
    return table.sort(KEYS)


def has(table: pl.DataFrame, *columns: str) -> bool:
    """Whether each of these columns holds at least one value."""
    return all(table[c].null_count() < table.height for c in columns)


def estimate(
    table: pl.DataFrame,
    columns: Sequence[str],
    statistic: Statistic,
    *,
    direction: Direction = "neither",
    null: float | None = None,
    seed: int = 0,
) -> Estimate:
    """Cluster bootstrap (clusters: subjects) of a function of the means of `columns`; see `bootstrap_statistic`."""
    return bootstrap_statistic(
        as_matrix(table, columns), table["subject"].to_list(), statistic, seed=seed, direction=direction, null=null
    )


def share(table: pl.DataFrame, column: str, *, direction: Direction = "higher", null: float | None = None) -> Estimate:
    """Mean of a column of shares with Wilson's interval, clustered by subject: not of zero width at 0 or 1."""
    kept = table.drop_nulls(column)
    return clustered_proportion(kept[column].to_numpy(), kept["subject"].to_list(), direction=direction, null=null)


def point_value(table: pl.DataFrame, columns: Sequence[str], statistic: Statistic) -> float:
    """The statistic itself, without an interval; NaN where a column is empty."""
    if not has(table, *columns):
        return math.nan
    return float(statistic(np.nanmean(as_matrix(table, columns), axis=0)[None, :])[0])


def per_seed(table: pl.DataFrame, columns: Sequence[str], statistic: Statistic) -> list[float]:
    """`point_value` for each seed, in the seeds' order."""
    return [point_value(table.filter(pl.col("seed") == s), columns, statistic) for s in seeds_of(table)]


def as_matrix(table: pl.DataFrame, columns: Sequence[str]) -> NDArray[np.float64]:
    """Rows × columns, NaN for null."""
    return table.select(pl.col(c).cast(pl.Float64).fill_null(math.nan) for c in columns).to_numpy()


def difference(means: NDArray[np.float64]) -> NDArray[np.float64]:
    """Statistic: first minus second."""
    return means[:, 0] - means[:, 1]
