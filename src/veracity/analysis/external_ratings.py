"""Policies against a public table of ratings, matched by exact names only.

A part of a name is no match: `model-1` would take the rating of `model-1-mini`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import Field
from scipy import stats as distributions

from veracity.analysis.wording import better, cell
from veracity.core.config import Settings
from veracity.core.errors import ConfigError
from veracity.core.estimate import Estimate
from veracity.core.finding import Plot, Point, ResultTable, ScatterPlot
from veracity.stats.correlation import fisher_interval


class ArenaRow(Settings):
    """One model in a public table of ratings."""

    model: str = Field(description="Its name there.")
    score: float = Field(description="Its rating.")
    low: float | None = Field(default=None, description="Lower end of the rating's interval.")
    high: float | None = Field(default=None, description="Upper end.")


@dataclass(frozen=True, slots=True)
class Rated:
    """A policy that the table knows."""

    policy: str
    rating: ArenaRow
    mean: Estimate
    kept: bool
    """False where it was left out by hand."""


def arena_table(
    own: Mapping[str, Estimate],
    direction: str,
    arena: Sequence[ArenaRow],
    aliases: Mapping[str, str],
    drop: Sequence[str],
) -> tuple[list[Rated], ResultTable]:
    """The policies with a rating, and how mean and rating correlate: over all, and without those dropped.

    Raises:
        ConfigError: an alias names no row of the table, or the table has a model twice.
    """
    ratings = {row.model: row for row in arena}
    if len(ratings) < len(arena):
        raise ConfigError("performance_comparison.arena: a model is in the table of ratings twice; keep one row")
    if wrong := sorted(name for name in aliases.values() if name not in ratings):
        raise ConfigError(f"performance_comparison.aliases: {wrong[0]!r} is not in the table of ratings; spell it so")
    named = {policy: ratings.get(aliases.get(policy, policy)) for policy in own}
    rated = [Rated(p, row, own[p], p not in drop) for p, row in named.items() if row is not None]
    sets = [("all", rated)] + ([("without those left out", [r for r in rated if r.kept])] if drop else [])
    rows = tuple((name, len(chosen), *_correlations(chosen)) for name, chosen in sets)
    header = ("policies", "n", "Pearson", "low", "high", "Spearman")
    note = f"Of the mean and the public rating; Fisher's interval takes policies for independent; {better(direction)}."
    return rated, ResultTable("arena", "Correlation with public ratings", header, rows, note)


def arena_plots(rated: Sequence[Rated], direction: str) -> list[Plot]:
    """All policies first, always; then, where some were left out, the same with the line of the others."""
    found: list[Plot] = []
    for name, chosen in (("arena_all", rated), ("arena_kept", [r for r in rated if r.kept])):
        if len(rated) < 2 or (name == "arena_kept" and len(chosen) == len(rated)):
            continue
        points = [
            Point(r.mean.value, r.rating.score, cell(r.mean.ci_low), cell(r.mean.ci_high), r.policy, solid=r in chosen)
            for r in rated
        ]
        caption = "Hollow points are left out of the line by hand." if name == "arena_kept" else "All policies."
        title = "Mean against public rating"
        found.append(
            ScatterPlot(name, title, caption, points, "public rating", f"mean ({better(direction)})", _line(chosen))
        )  # fmt: skip
    return found


def _correlations(rated: Sequence[Rated]) -> tuple[float | None, float | None, float | None, float | None]:
    x, y = np.array([r.rating.score for r in rated]), np.array([r.mean.value for r in rated])
    if len(rated) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return None, None, None, None
    r = float(np.corrcoef(x, y)[0, 1])
    low, high = fisher_interval(r, len(rated))
    return r, cell(low), cell(high), float(distributions.spearmanr(x, y).statistic)


def _line(rated: Sequence[Rated]) -> tuple[float, float] | None:
    x = np.array([r.rating.score for r in rated])
    if len(rated) < 3 or np.ptp(x) == 0:
        return None
    slope, intercept = np.polyfit(x, [r.mean.value for r in rated], 1)
    return float(intercept), float(slope)
