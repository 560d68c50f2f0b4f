"""Correlations whose intervals know that rows share source items: Pearson, Spearman, within groups, partial.

Clusters are resampled, and ranks are taken anew in every draw.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np
from scipy import stats as distributions

from veracity.core.estimate import Estimate
from veracity.stats.cluster import Floats, bootstrap_statistic, cluster_codes
from veracity.stats.weighted import bootstrap_weighted


def pearson(
    x: Floats, y: Floats, clusters: Sequence[Hashable] | np.ndarray, *, seed: int, resamples: int = 2000
) -> Estimate:
    """Pearson's r with a cluster-bootstrap interval; null 0. An estimate of no rows where either does not vary."""
    first, second = (side - side.mean() if side.size else side for side in _checked(x, y))
    moments = np.column_stack([first, second, first**2, second**2, first * second])
    found = bootstrap_statistic(
        moments, clusters, _r_of_moments, seed=seed, resamples=resamples, direction="neither", null=0.0
    )
    if math.isfinite(found.value):
        return found
    return Estimate(math.nan, math.nan, math.nan, math.nan, 0, 0, "neither", 0.0)


def spearman(
    x: Floats, y: Floats, clusters: Sequence[Hashable] | np.ndarray, *, seed: int, resamples: int = 2000
) -> Estimate:
    """Spearman's rank correlation, ties at their middle rank; as `pearson`."""
    first, second = (_Ranks(side) for side in _checked(x, y))

    def statistic(weights: Floats) -> Floats:
        return _weighted_r(first.of(weights), second.of(weights), weights)

    return bootstrap_weighted(statistic, clusters, seed=seed, resamples=resamples, direction="neither", null=0.0)


def within(values: Floats, groups: Sequence[Hashable] | np.ndarray) -> Floats:
    """Deviations from the mean of each row's group; `values` is rows or rows × columns."""
    table = np.asarray(values, dtype=float)
    codes, count = cluster_codes(groups, len(table))
    flat = table.reshape(len(table), -1)
    sums = np.zeros((count, flat.shape[1]))
    np.add.at(sums, codes, flat)
    means = sums / np.bincount(codes, minlength=count)[:, None]
    return np.asarray((flat - means[codes]).reshape(table.shape))


def residuals(values: Floats, controls: Floats) -> Floats:
    """What a least-squares fit on `controls` (rows × columns) and a constant leaves of `values`."""
    y = np.asarray(values, dtype=float)
    design = np.column_stack([np.ones(len(y)), controls])
    fitted = design @ np.linalg.lstsq(design, y, rcond=None)[0]
    return np.asarray(y - fitted)


def fisher_interval(r: float, n: int, confidence: float = 0.95) -> tuple[float, float]:
    """Fisher's interval of a correlation of `n` independent pairs: tanh(artanh r ± z / √(n − 3)); NaN below 4."""
    if n < 4 or not math.isfinite(r):
        return math.nan, math.nan
    if abs(r) >= 1:
        return r, r
    half = float(distributions.norm.ppf(0.5 + confidence / 2)) / math.sqrt(n - 3)
    return math.tanh(math.atanh(r) - half), math.tanh(math.atanh(r) + half)


def disattenuated(r: float, first: float, second: float) -> float:
    """The correlation r / √(r_xx · r_yy): what two measures would correlate at if neither had noise (Spearman, 1904).

    NaN where a reliability is not positive. It may exceed 1, which says that the reliabilities are too low.
    """
    return r / math.sqrt(first * second) if first > 0 and second > 0 else math.nan


def _checked(x: Floats, y: Floats) -> tuple[Floats, Floats]:
    first, second = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    if first.shape != second.shape or first.ndim != 1:
        raise ValueError(f"a correlation needs two values a row, not {first.shape} and {second.shape}")
    return first, second


def _r_of_moments(means: Floats) -> Floats:
    """From means of x, y, x², y², xy of centred values; NaN where one does not vary."""
    x, y, xx, yy, xy = means.T
    variances = (xx - x * x, yy - y * y)
    varies = (variances[0] > 1e-12 * (xx + 1e-300)) & (variances[1] > 1e-12 * (yy + 1e-300))
    with np.errstate(invalid="ignore", divide="ignore"):
        r = (xy - x * y) / np.sqrt(variances[0] * variances[1])
    return np.asarray(np.where(varies, np.clip(r, -1, 1), np.nan))


def _weighted_r(x: Floats, y: Floats, weights: Floats) -> Floats:
    """Pearson's r a draw; `x` and `y` are rows, or draws × rows; NaN where one does not vary."""
    total = weights.sum(axis=1, keepdims=True)
    dx = x - (weights * x).sum(axis=1, keepdims=True) / total
    dy = y - (weights * y).sum(axis=1, keepdims=True) / total
    products = [(weights * a * b).sum(axis=1) for a, b in ((dx, dy), (dx, dx), (dy, dy))]
    tiny = 1e-12 * np.maximum(1.0, np.abs([np.max(np.abs(x)), np.max(np.abs(y))])) ** 2 * total
    varies = (products[1] > tiny[:, 0]) & (products[2] > tiny[:, 1])
    with np.errstate(invalid="ignore", divide="ignore"):
        r = products[0] / np.sqrt(products[1] * products[2])
    return np.asarray(np.where(varies, np.clip(r, -1, 1), np.nan))


class _Ranks:
    """Middle ranks of values that are drawn several times each; sorted once for all draws."""

    def __init__(self, values: Floats) -> None:
        self.levels, self.inverse = np.unique(values, return_inverse=True)
        self.order = np.argsort(self.inverse, kind="stable")
        self.starts = np.searchsorted(self.inverse[self.order], np.arange(len(self.levels)))

    def of(self, weights: Floats) -> Floats:
        """Draws × rows: drawn rows below, and half of those level with it (less a constant)."""
        at_level = np.add.reduceat(weights[:, self.order], self.starts, axis=1)
        below = np.cumsum(at_level, axis=1) - at_level
        return np.asarray((below + at_level / 2)[:, self.inverse])
