"""Curves: every series at every epoch with its interval, its support and its chance level."""

from __future__ import annotations

import math
from dataclasses import dataclass

import polars as pl

from veracity.metrics.probe_rows import ProbePhase
from veracity.metrics.series import Series
from veracity.stats.proportion import clustered_proportion

CURVE_KEYS = ["phase", "delay", "since", "probe", "target", "arm", "foil_kind"]
CURVE_SCHEMA: dict[str, pl.DataType] = {
    "phase": pl.String(),
    "delay": pl.Int64(),
    "since": pl.Int64(),
    "epoch": pl.Float64(),
    "probe": pl.String(),
    "target": pl.String(),
    "arm": pl.String(),
    "foil_kind": pl.String(),
    "value": pl.Float64(),
    "se": pl.Float64(),
    "ci_low": pl.Float64(),
    "ci_high": pl.Float64(),
    "n": pl.Int64(),
    "clusters": pl.Int64(),
    "support": pl.Float64(),
    "chance": pl.Float64(),
}
"""`epoch` is the median over seeds of the phase's start, plus `since`; `support` the share of rows with a verdict."""


@dataclass(frozen=True, slots=True)
class Curve:
    """One series of one seed over the epochs of a phase."""

    epochs: tuple[int, ...]
    values: tuple[float, ...]
    sems: tuple[float, ...]
    """Standard errors over facts: population standard deviation / sqrt(facts), as in the paper."""

    def __post_init__(self) -> None:
        if not len(self.epochs) == len(self.values) == len(self.sems) or not self.epochs:
            raise ValueError("a curve needs at least one epoch, and a value and an error for each")
        if list(self.epochs) != sorted(set(self.epochs)):
            raise ValueError(f"epochs must rise, but they are {self.epochs}")


def curves(scored: pl.DataFrame) -> pl.DataFrame:
    """All curves of all phases, pooled over seeds, intervals clustered by subject; columns as `CURVE_SCHEMA`.

    Strict scoring (`series`): an unparsed reply counts as wrong. Failed requests are left out of `n`.
    """
    starts = _median_starts(scored)
    rows = []
    for key, group in scored.group_by(CURVE_KEYS, maintain_order=True):
        kept = group.filter(pl.col("score").is_not_null())
        if kept.height == 0:
            continue
        named = dict(zip(CURVE_KEYS, key, strict=True))
        series = Series(named["probe"], named["target"], named["arm"])
        e = clustered_proportion(kept["score"].to_numpy(), kept["subject"].to_list(), null=series.chance)
        rows.append(
            named
            | {"epoch": starts[named["phase"], named["delay"]] + float(named["since"])}
            | {"value": e.value, "se": None if math.isnan(e.se) else e.se, "ci_low": e.ci_low, "ci_high": e.ci_high}
            | {"n": e.n, "clusters": e.clusters, "chance": series.chance, "support": _support(kept)}
        )
    return pl.DataFrame(rows, schema=CURVE_SCHEMA).sort(CURVE_KEYS)


def curve_of(scored: pl.DataFrame, series: Series, phase: ProbePhase, *, seed: int, delay: int = 0) -> Curve | None:
    """One seed's curve with the paper's error over facts; None without rows."""
    here = (pl.col("phase") == phase) & (pl.col("delay") == delay) & (pl.col("seed") == seed)
    facts = scored.filter(here & series.mask()).group_by("epoch", "fact").agg(pl.col("score").mean())
    facts = facts.drop_nulls("score")
    if facts.height == 0:
        return None
    table = facts.group_by("epoch").agg(
        value=pl.col("score").mean(), sem=pl.col("score").std(ddof=0) / pl.len().cast(pl.Float64).sqrt()
    )
    table = table.sort("epoch")
    return Curve(tuple(table["epoch"]), tuple(table["value"]), tuple(table["sem"]))


def _median_starts(scored: pl.DataFrame) -> dict[tuple[str, int], float]:
    starts = scored.group_by("seed", "phase", "delay").agg(pl.col("epoch").min())
    medians = starts.group_by("phase", "delay").agg(pl.col("epoch").median())
    return {(phase, delay): float(epoch) for phase, delay, epoch in medians.iter_rows()}


def _support(rows: pl.DataFrame) -> float:
    """Share of answered rows whose reply could be parsed."""
    return 1 - float((rows["status"] == "parse_failed").sum()) / rows.height
