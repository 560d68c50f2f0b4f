"""The slope of one metric on another where items differ in level: a line with a random intercept for each item.

Between two extremes: with one intercept for all, what items share counts in full; with a fixed one for each, not at
all. A random intercept weighs the two by how much of the variance is of items. By generalised least squares with
Swamy and Arora's (1972, Econometrica 40) variance components, for groups of any size (Baltagi and Chang, 1994).
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np

from veracity.core.estimate import Estimate
from veracity.stats.cluster import Floats, cluster_codes
from veracity.stats.correlation import residuals, within

NOTHING = Estimate(math.nan, math.nan, math.nan, math.nan, 0, 0, "neither", 0.0)


def multilevel_slope(x: Floats, y: Floats, groups: Sequence[Hashable], clusters: Sequence[Hashable]) -> Estimate:
    """Standard deviations of `y` a standard deviation of `x`, with a random intercept for each group; null 0.

    Cluster-robust (CR1) error and Student's quantile at clusters − 1 degrees of freedom. An estimate of no rows with
    fewer than three groups or two clusters, without a group of two rows, or where either does not vary.
    """
    import statsmodels.api as sm

    codes, count = cluster_codes(groups, len(x))
    sources, independent = cluster_codes(clusters, len(x))
    if count < 3 or independent < 2 or len(x) - count < 2 or not (_varies(x) and _varies(y)):
        return NOTHING
    first, second = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()
    sizes = np.bincount(codes).astype(float)
    shrunk = _shrinkage(first, second, codes, sizes)[codes]
    sides = [side - shrunk * (np.bincount(codes, weights=side) / sizes)[codes] for side in (first, second)]
    design = np.column_stack([1 - shrunk, sides[0]])
    if np.linalg.matrix_rank(design, tol=1e-8) < 2:
        return NOTHING
    with np.errstate(invalid="ignore"):  # the intercept's variance may round to just below zero
        fit = sm.OLS(sides[1], design).fit(cov_type="cluster", cov_kwds={"groups": sources}, use_t=True)
        low, high = fit.conf_int()[1]
    return Estimate(
        float(fit.params[1]), float(fit.bse[1]), float(low), float(high), len(x), independent, "neither", 0.0
    )  # fmt: skip


def _shrinkage(x: Floats, y: Floats, codes: np.ndarray, sizes: Floats) -> Floats:
    """Share of each group's mean that is taken off: 0 where groups do not differ, 1 where they are all there is."""
    moved, response = within(x, codes), within(y, codes)
    inside = float(moved @ moved)
    slope = float(moved @ response) / inside if inside > 1e-12 else 0.0
    noise = float(((response - slope * moved) ** 2).sum()) / max(1, len(x) - len(sizes) - 1)
    means = [np.bincount(codes, weights=side) / sizes for side in (x, y)]
    between = residuals(means[1], means[0][:, None])
    level = float(between @ between) / max(1, len(sizes) - 2) - noise * float((1 / sizes).mean())
    if noise < 1e-12:
        return np.full(len(sizes), 1.0 if level > 0 and inside > 1e-12 else 0.0)
    return np.asarray(1 - np.sqrt(noise / (noise + sizes * max(0.0, level))))


def _varies(values: Floats) -> bool:
    return bool(np.ptp(values) > 1e-12)
