"""Intervals of proportions that stay honest near 0 and 1 and when rows come in clusters.

A bootstrap of a proportion that is exactly 0 or 1 gives an interval of no width; Wilson's does not. So
proportions get Wilson's interval, and dependent rows shrink the sample size that goes into it.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np
from scipy import stats as distributions

from veracity.core.estimate import Direction, Estimate
from veracity.stats.cluster import cluster_codes


def wilson_bounds(share: float, size: float, quantile: float) -> tuple[float, float]:
    """Ends of Wilson's score interval (Wilson, 1927, JASA 22) for `share` of `size` > 0 rows.

    `quantile` is the two-sided critical value (1.96 for 95 %); `size` may be an effective, fractional one.
    """
    q2 = quantile * quantile
    centre = (share + q2 / (2 * size)) / (1 + q2 / size)
    half = quantile / (1 + q2 / size) * math.sqrt(share * (1 - share) / size + q2 / (4 * size * size))
    low, high = centre - half, centre + half
    return (0.0 if share == 0 else max(0.0, low)), (1.0 if share == 1 else min(1.0, high))


def wilson(
    successes: int,
    n: int,
    *,
    confidence: float = 0.95,
    direction: Direction = "higher",
    null: float | None = None,
) -> Estimate:
    """Share of `successes` in `n` independent rows, with Wilson's interval. ValueError unless 0 ≤ successes ≤ n."""
    if not 0 <= successes <= n:
        raise ValueError(f"{successes} successes of {n} rows is impossible")
    if n == 0:
        return Estimate(math.nan, math.nan, math.nan, math.nan, 0, 0, direction, null)
    share = successes / n
    low, high = wilson_bounds(share, n, float(distributions.norm.ppf(0.5 + confidence / 2)))
    return Estimate(share, math.sqrt(share * (1 - share) / n), low, high, n, n, direction, null)


def clustered_proportion(
    values: Sequence[bool] | np.ndarray,
    clusters: Sequence[Hashable] | np.ndarray,
    *,
    confidence: float = 0.95,
    direction: Direction = "higher",
    null: float | None = None,
) -> Estimate:
    """Share of true values among rows that share clusters; a value may also be a share of its own, in [0, 1].

    Wilson's interval at the effective sample size share·(1 − share)/se², se² by linearisation over clusters, with
    Student's quantile at clusters − 1 degrees of freedom (Korn and Graubard, 1998, Survey Methodology 24). Where
    the rows do not vary at all, nothing can be learned about their dependence, and the effective size is the
    number of clusters, the least it could be. One cluster: the interval is [0, 1] and the standard error NaN.
    """
    y = np.asarray(values, dtype=float)
    if y.size == 0:
        return Estimate(math.nan, math.nan, math.nan, math.nan, 0, 0, direction, null)
    codes, count = cluster_codes(clusters, y.size)
    share = float(y.mean())
    if count == 1:
        return Estimate(share, math.nan, 0.0, 1.0, y.size, 1, direction, null)
    residual = np.bincount(codes, weights=y - share, minlength=count)
    variance = float(count / (count - 1) * np.sum(residual**2)) / y.size**2
    quantile = float(distributions.t.ppf(0.5 + confidence / 2, count - 1))
    effective = _effective_size(share, variance, y.size, count)
    low, high = wilson_bounds(share, effective, quantile)
    return Estimate(share, math.sqrt(variance), low, high, y.size, count, direction, null)


def _effective_size(share: float, variance: float, n: int, clusters: int) -> float:
    """Rows that independent sampling would need for the same variance: at most `n`, at least 1."""
    if share in (0.0, 1.0):
        return clusters
    if variance == 0:
        return n
    return min(float(n), max(1.0, share * (1 - share) / variance))
