"""The temporal gap: how many epochs recognition is ahead of recall.

A curve arrives when it first reaches a level: an absolute one, or a fraction of its own maximum. Fractions of the
maximum compare two abilities with different ceilings; on the chance-corrected scale they also start level.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from veracity.core.estimate import Estimate
from veracity.metrics.curves import Curve
from veracity.metrics.probe_rows import Probe, Target
from veracity.metrics.series import Point, clock, estimate, fact_table, has, per_seed, recall, recognition
from veracity.stats.cluster import Floats


@dataclass(frozen=True, slots=True)
class Lag:
    """Epochs from recognition's arrival to recall's, in acquisition."""

    lag: Estimate
    """Positive: recognition came first. NaN where one of them never arrives."""
    recognised_at: float
    """Epochs since the start, from the curves pooled over seeds."""
    recalled_at: float
    per_seed: tuple[float, ...]


def first_crossing(curve: Curve, level: float) -> int | None:
    """The first epoch at which the curve is at `level` or above; None if it never is."""
    return next((e for e, v in zip(curve.epochs, curve.values, strict=True) if v >= level), None)


def first_at_fraction(curve: Curve, fraction: float = 0.9, *, chance: float = 0.0) -> int | None:
    """The first epoch at `fraction` of the curve's maximum, both measured from `chance`; None if never above it."""
    top = max(curve.values)
    return first_crossing(curve, chance + fraction * (top - chance)) if top > chance else None


def acquisition_lag(
    scored: pl.DataFrame,
    *,
    probe: Probe,
    target: Target = "learn",
    fraction: float = 0.9,
    corrected: bool = False,
    seed: int = 0,
) -> Lag | None:
    """Lag between V and G at `fraction` of their maxima, with a cluster-bootstrap interval; None without both.

    `corrected` measures V from its chance level .5. Epochs are whole, so the interval's ends are too, almost.
    """
    times = clock(scored, "acquisition")
    points = {f"v{t}": Point(recognition(target, probe), "acquisition", t) for t in times}
    points |= {f"g{t}": Point(recall(target), "acquisition", t) for t in times}
    if not times:
        return None
    table = fact_table(scored, points)
    if not has(table, *points):
        return None
    columns, chance = list(points), 0.5 if corrected else 0.0

    def lag(means: Floats) -> Floats:
        recognised, recalled = _arrivals(means, times, fraction, chance)
        return recalled - recognised

    pooled = table.select(pl.col(columns).mean()).to_numpy()
    recognised, recalled = _arrivals(pooled, times, fraction, chance)
    value = estimate(table, columns, lag, null=0.0, seed=seed)
    return Lag(value, float(recognised[0]), float(recalled[0]), tuple(per_seed(table, columns, lag)))


def _arrivals(means: Floats, times: Sequence[int], fraction: float, chance: float) -> tuple[Floats, Floats]:
    """When V and G arrive, from their means (draws × 2·epochs: V's, then G's); only V is measured from chance."""
    k = len(times)
    return _first(means[:, :k], times, fraction, chance), _first(means[:, k:], times, fraction, 0.0)


def _first(values: Floats, times: Sequence[int], fraction: float, chance: float) -> Floats:
    """Per draw, the first time at `fraction` of the maximum; NaN where the curve never leaves chance."""
    top = values.max(axis=1)
    reached = values >= (chance + fraction * (top - chance))[:, None] - 1e-12
    return np.where(top > chance, np.array(times, dtype=float)[reached.argmax(axis=1)], math.nan)
