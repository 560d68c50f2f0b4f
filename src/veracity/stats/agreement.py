"""Do two measurements of the same things agree: in order, in value, in sign, and with themselves?"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats as distributions

from veracity.core.estimate import Estimate
from veracity.stats.cluster import Floats, bootstrap_mean, cluster_codes
from veracity.stats.weighted import bootstrap_weighted

TIES = 1e-12


@dataclass(frozen=True, slots=True)
class BlandAltman:
    """Differences of two methods (Bland and Altman, 1986, Lancet 327)."""

    bias: Estimate
    """Mean of the second less the first; null 0."""
    low: float
    """Limits between which 95 % of the differences are expected: bias ± 1.96 standard deviations."""
    high: float


def kendall_tau(
    x: Floats, y: Floats, clusters: Sequence[Hashable] | np.ndarray, *, confidence: float = 0.95
) -> Estimate:
    """Kendall's τ-b, (concordant − discordant) / √((pairs − ties in x)(pairs − ties in y)); null 0.

    The standard error is that of the linearised U-statistic with each cluster's terms summed, the interval Student's at
    clusters − 1 degrees of freedom, cut at ±1. An estimate of no rows where either does not vary.
    """
    a, b = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    codes, count = cluster_codes(clusters, len(a))
    sums = np.array([_concordance(a, b, place) for place in range(len(a))]).reshape(-1, 3)
    total = sums.mean(axis=0) if len(a) else np.zeros(3)
    if min(total[1], total[2]) <= 0:
        return Estimate(math.nan, math.nan, math.nan, math.nan, 0, 0, "higher", 0.0)
    scale = math.sqrt(total[1] * total[2])
    value = float(total[0] / scale)
    if count < 2:
        return Estimate(value, math.nan, math.nan, math.nan, len(a), count, "higher", 0.0)
    parts = (sums - total) / np.array([scale, total[1], total[2]])
    influence = 2 * (parts[:, 0] - value / 2 * (parts[:, 1] + parts[:, 2]))
    by_cluster = np.bincount(codes, weights=influence, minlength=count)
    se = math.sqrt(count / (count - 1) * float(by_cluster @ by_cluster)) / len(a)
    reach = float(distributions.t.ppf(0.5 + confidence / 2, count - 1)) * se
    return Estimate(value, se, max(-1.0, value - reach), min(1.0, value + reach), len(a), count, "higher", 0.0)


def _concordance(x: Floats, y: Floats, place: int) -> tuple[float, float, float]:
    """Of the pairs of one row: concordant less discordant ones, those not tied in x, those not tied in y."""
    first, second = np.sign(x[place] - x), np.sign(y[place] - y)
    return float(first @ second), float(np.abs(first).sum()), float(np.abs(second).sum())


def icc_agreement(
    values: Floats, clusters: Sequence[Hashable] | np.ndarray, *, seed: int, resamples: int = 2000
) -> Estimate:
    """ICC(2,1): absolute agreement of single measurements (Shrout and Fleiss, 1979, Psychological Bulletin 86).

    (MSR − MSE) / (MSR + (k − 1)·MSE + k·(MSC − MSE)/n) of n rows × k measurements without gaps, the rows and the
    measurements both random; null 0. An estimate of no rows below two rows or measurements, or where nothing varies.
    """
    table = np.asarray(values, dtype=float)
    k = table.shape[1]
    rows = table.mean(axis=1)

    def statistic(weights: Floats) -> Floats:
        n = weights.sum(axis=1)
        grand, columns = weights @ rows / n, weights @ table / n[:, None]
        of_rows, of_all = weights @ rows**2, weights @ (table**2).sum(axis=1)
        of_columns = n * (columns**2).sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            msr = k * (of_rows - n * grand**2) / (n - 1)
            msc = (of_columns - n * k * grand**2) / (k - 1)
            mse = (of_all - k * of_rows - of_columns + n * k * grand**2) / ((n - 1) * (k - 1))
            below = msr + (k - 1) * mse + k * (msc - mse) / n
            return np.asarray(np.where(np.abs(below) > TIES, (msr - mse) / below, np.nan))

    if k < 2:
        return Estimate(math.nan, math.nan, math.nan, math.nan, 0, 0, "higher", 0.0)
    return bootstrap_weighted(statistic, clusters, seed=seed, resamples=resamples, direction="higher", null=0.0)


def icc_retest(values: Floats, subjects: Sequence[Hashable] | np.ndarray) -> float:
    """ICC(1,1): reliability of one measurement where subjects were measured several times, not all equally often.

    (MSB − MSW) / (MSB + (k₀ − 1)·MSW), with k₀ = (N − Σ n_i²/N) / (subjects − 1). Subjects measured once are left out.
    NaN with fewer than two others, or where nothing varies.
    """
    y = np.asarray(values, dtype=float)
    codes, count = cluster_codes(subjects, len(y))
    often = np.bincount(codes, minlength=count)[codes] > 1
    y = y[often]
    codes, count = cluster_codes(codes[often], len(y))
    if count < 2:
        return math.nan
    sizes = np.bincount(codes).astype(float)
    means = np.bincount(codes, weights=y) / sizes
    between = float((sizes * (means - y.mean()) ** 2).sum()) / (count - 1)
    inside = float(((y - means[codes]) ** 2).sum()) / (len(y) - count)
    k0 = (len(y) - float((sizes**2).sum()) / len(y)) / (count - 1)
    below = between + (k0 - 1) * inside
    return (between - inside) / below if below > TIES else math.nan


def bland_altman(
    first: Floats, second: Floats, clusters: Sequence[Hashable] | np.ndarray, *, seed: int, resamples: int = 2000
) -> BlandAltman:
    """Bias and limits of agreement of `second` − `first`; the limits are NaN with one row."""
    gaps = np.asarray(second, dtype=float) - np.asarray(first, dtype=float)
    bias = bootstrap_mean(gaps, clusters, seed=seed, resamples=resamples, direction="neither", null=0.0)
    reach = 1.96 * float(gaps.std(ddof=1)) if len(gaps) > 1 else math.nan
    return BlandAltman(bias, bias.value - reach, bias.value + reach)


def split_half(
    values: Floats, clusters: Sequence[Hashable] | np.ndarray, *, seed: int, splits: int = 500
) -> tuple[float, float, float]:
    """How reproducible the order of systems is: their means on one half of the clusters against those on the other.

    Pearson's r over systems for each random halving, brought to full length by 2r/(1 + r) (Spearman and Brown, 1910).

    Args:
        values: Items × systems, NaN where a system has no value.
        clusters: Source of each item.
        seed: Of the halvings.
        splits: How many.

    Returns:
        Median, 2.5 % and 97.5 % quantile over halvings; NaN with fewer than three systems or two clusters.
    """
    table = np.asarray(values, dtype=float)
    codes, count = cluster_codes(clusters, len(table))
    if table.shape[1] < 3 or count < 2:
        return math.nan, math.nan, math.nan
    generator = np.random.Generator(np.random.PCG64(seed))
    halves = np.zeros((splits, count))
    for row in halves:
        row[generator.permutation(count)[: count // 2]] = 1.0
    found = _half_reliabilities(table, codes, halves)
    if not found.size:
        return math.nan, math.nan, math.nan
    low, middle, high = np.quantile(np.maximum(found, -1.0), [0.025, 0.5, 0.975])
    return float(middle), float(low), float(high)


def _half_reliabilities(table: Floats, codes: np.ndarray, halves: Floats) -> Floats:
    """2r/(1 + r) of the systems' means on either half; without halvings in which a mean is missing or all are level.

    `halves` is splits × clusters, 1 where the cluster is in the first half.
    """
    sums, sizes = np.zeros((halves.shape[1], table.shape[1])), np.zeros((halves.shape[1], table.shape[1]))
    np.add.at(sums, codes, np.nan_to_num(table))
    np.add.at(sizes, codes, (~np.isnan(table)).astype(float))
    with np.errstate(invalid="ignore", divide="ignore"):
        means = [(side @ sums) / (side @ sizes) for side in (halves, 1 - halves)]
    whole = np.isfinite(means[0]).all(axis=1) & np.isfinite(means[1]).all(axis=1)
    first, second = (side[whole] for side in means)
    varies = np.minimum(np.ptp(first, axis=1), np.ptp(second, axis=1)) > TIES
    dx, dy = (side[varies] - side[varies].mean(axis=1, keepdims=True) for side in (first, second))
    r = (dx * dy).sum(axis=1) / np.sqrt((dx**2).sum(axis=1) * (dy**2).sum(axis=1))
    return np.where(r > -1 + TIES, 2 * r / np.maximum(1 + r, TIES), -math.inf)
