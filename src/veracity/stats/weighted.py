"""The cluster bootstrap of statistics that are no function of means: ranks, curves, quantiles.

A draw of clusters with replacement gives every row a whole number as its weight, how often its cluster was drawn. The
statistic sees the same rows each time and only the weights change, so a curve is sorted once for all draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence

import numpy as np

from veracity.core.estimate import Direction, Estimate
from veracity.stats.cluster import BLOCK, Floats, cluster_codes, estimate_from_draws

Weighted = Callable[[Floats], Floats]
"""From weights (draws × rows), whole numbers from 0, to one value a draw; NaN where it is undefined."""


def bootstrap_weighted(
    statistic: Weighted,
    clusters: Sequence[Hashable] | np.ndarray,
    *,
    seed: int,
    resamples: int = 2000,
    confidence: float = 0.95,
    direction: Direction = "higher",
    null: float | None = None,
) -> Estimate:
    """Cluster bootstrap of `statistic`; its value is the one with every weight 1, its interval as elsewhere.

    The interval is the expanded percentile one (see `bootstrap_statistic`). Draws where the statistic is not finite are
    left out; if more than one in ten is, or there is one cluster only, the interval is NaN. Without rows, or where the
    statistic itself is undefined, the estimate is of no rows.
    """
    n = len(clusters)
    codes, count = cluster_codes(clusters, n)
    value = float(statistic(np.ones((1, n)))[0]) if n else math.nan
    if not math.isfinite(value):
        return Estimate(math.nan, math.nan, math.nan, math.nan, 0, 0, direction, null)
    draws = _draws(statistic, codes, count, seed, resamples) if count > 1 else np.array([])
    return estimate_from_draws(value, draws, n, count, confidence, direction, null)


def _draws(statistic: Weighted, codes: np.ndarray, count: int, seed: int, resamples: int) -> Floats:
    generator = np.random.Generator(np.random.PCG64(seed))
    rows = max(1, BLOCK // max(count, codes.size))
    blocks = []
    for start in range(0, resamples, rows):
        drawn = generator.multinomial(count, np.full(count, 1 / count), size=min(rows, resamples - start))
        blocks.append(statistic(drawn[:, codes].astype(float)))
    return np.concatenate(blocks)
