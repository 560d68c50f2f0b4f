"""Rows that share a source item are not independent: the cluster bootstrap and the cluster-robust slope.

Clusters are source items (an entity, a document). Every draw comes from a generator made from the given seed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy import stats as distributions

from veracity.core.estimate import Direction, Estimate

Floats = NDArray[np.float64]
Statistic = Callable[[Floats], Floats]
"""From means (draws × columns) to one number a draw."""

BLOCK = 4_000_000
"""Most draws × clusters held at once: 32 MB of weights."""


def cluster_codes(clusters: Sequence[Hashable] | np.ndarray, n: int) -> tuple[NDArray[np.int64], int]:
    """Number the clusters 0 … k − 1 in order of appearance; ValueError unless there is one a row."""
    names = clusters.tolist() if isinstance(clusters, np.ndarray) else list(clusters)
    if len(names) != n:
        raise ValueError(f"{n} rows but {len(names)} cluster names")
    known: dict[Hashable, int] = {}
    codes = np.array([known.setdefault(name, len(known)) for name in names], dtype=np.int64)
    return codes, len(known)


def bootstrap_statistic(
    columns: Floats,
    clusters: Sequence[Hashable] | np.ndarray,
    statistic: Statistic,
    *,
    seed: int,
    resamples: int = 2000,
    confidence: float = 0.95,
    direction: Direction = "higher",
    null: float | None = None,
) -> Estimate:
    """Cluster bootstrap of any function of column means: a difference, a ratio, a crossing time.

    `columns` is rows × columns, NaN where a row has no value in a column; `statistic` maps means of shape
    (draws, columns) to (draws,). Whole clusters are drawn with replacement, so that columns stay paired. The
    interval is the expanded percentile one (Hesterberg, 2015, The American Statistician 69), which undoes the
    narrowness of the percentile interval with few clusters. Draws where the statistic is not finite are left out;
    if more than one in ten is, or there is one cluster only, the interval is NaN.
    """
    table = np.asarray(columns, dtype=float)
    codes, _ = cluster_codes(clusters, table.shape[0])
    present = ~np.isnan(table)
    used = present.any(axis=1)
    n = int(used.sum())
    if not present.any(axis=0).all():
        return Estimate(math.nan, math.nan, math.nan, math.nan, 0, 0, direction, null)
    table, present = table[used], present[used]
    codes, count = cluster_codes(codes[used], n)
    sums, sizes = np.zeros((count, table.shape[1])), np.zeros((count, table.shape[1]))
    np.add.at(sums, codes, np.where(present, table, 0.0))
    np.add.at(sizes, codes, present.astype(float))
    value = float(statistic((sums.sum(0) / sizes.sum(0))[None, :])[0])
    if count < 2:
        return Estimate(value, math.nan, math.nan, math.nan, n, count, direction, null)
    draws = statistic(_resampled_means(sums, sizes, seed, resamples))
    return estimate_from_draws(value, draws, n, count, confidence, direction, null)


def estimate_from_draws(
    value: float, draws: Floats, n: int, count: int, confidence: float, direction: Direction, null: float | None
) -> Estimate:
    """`value` of n rows in `count` clusters, with the expanded percentile interval of its bootstrap `draws`.

    There is no interval with fewer than two clusters, or if more than a tenth of the draws are not finite.
    """
    finite = draws[np.isfinite(draws)]
    if count < 2 or finite.size < 0.9 * draws.size or not math.isfinite(value):
        return Estimate(value, math.nan, math.nan, math.nan, n, count, direction, null)
    low, high = np.quantile(finite, expanded_tails(count, confidence))
    return Estimate(value, float(finite.std(ddof=1)), float(low), float(high), n, count, direction, null)


def bootstrap_mean(
    values: Sequence[float] | np.ndarray,
    clusters: Sequence[Hashable] | np.ndarray,
    *,
    seed: int,
    resamples: int = 2000,
    confidence: float = 0.95,
    direction: Direction = "higher",
    null: float | None = None,
) -> Estimate:
    """Mean of `values` (NaN: no value) with a cluster-bootstrap interval; see `bootstrap_statistic`."""
    column = np.asarray(values, dtype=float)[:, None]
    return bootstrap_statistic(
        column,
        clusters,
        lambda means: means[:, 0],
        seed=seed,
        resamples=resamples,
        confidence=confidence,
        direction=direction,
        null=null,
    )


def cluster_robust_slope(
    x: Sequence[float] | np.ndarray,
    y: Sequence[float] | np.ndarray,
    clusters: Sequence[Hashable] | np.ndarray,
    *,
    confidence: float = 0.95,
    direction: Direction = "neither",
    null: float | None = 0.0,
) -> Estimate:
    """Slope of the least-squares line of `y` on `x`, in units of y a unit of x.

    Cluster-robust (CR1) standard error and Student's quantile at clusters − 1 degrees of freedom, by statsmodels.
    ValueError when `x` is constant; with fewer than two clusters the interval is NaN.
    """
    import statsmodels.api as sm

    xs, ys = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    codes, count = cluster_codes(clusters, ys.size)
    if xs.size != ys.size:
        raise ValueError(f"{xs.size} values of x but {ys.size} of y")
    if ys.size == 0 or np.all(xs == xs[0]):
        raise ValueError("a slope needs at least two different values of x")
    model = sm.OLS(ys, sm.add_constant(xs))
    if count < 2:
        return Estimate(float(model.fit().params[1]), math.nan, math.nan, math.nan, ys.size, 1, direction, null)
    with np.errstate(invalid="ignore"):  # the intercept's variance may round to just below zero
        fit = model.fit(cov_type="cluster", cov_kwds={"groups": codes}, use_t=True)
        low, high = fit.conf_int(alpha=1 - confidence)[1]
    return Estimate(float(fit.params[1]), float(fit.bse[1]), float(low), float(high), ys.size, count, direction, null)


def _resampled_means(sums: Floats, sizes: Floats, seed: int, resamples: int) -> Floats:
    """Column means of `resamples` draws of clusters, (resamples, columns); NaN where a draw holds no value."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.concatenate([(w @ sums) / (w @ sizes) for w in _draws(sums.shape[0], seed, resamples)])


def _draws(count: int, seed: int, resamples: int) -> Iterable[Floats]:
    """How often each cluster is drawn, (draws, clusters), in blocks of at most `BLOCK` cells."""
    return (_kept_draws(count, seed, resamples),) if resamples * count <= BLOCK else _blocks(count, seed, resamples)


@lru_cache(maxsize=2)  # the metrics of one table draw the same clusters, and drawing is the dearest part
def _kept_draws(count: int, seed: int, resamples: int) -> Floats:
    return np.concatenate(list(_blocks(count, seed, resamples)))


def _blocks(count: int, seed: int, resamples: int) -> Iterator[Floats]:
    generator = np.random.Generator(np.random.PCG64(seed))
    rows = max(1, BLOCK // count)
    for start in range(0, resamples, rows):
        size = min(rows, resamples - start)
        yield generator.multinomial(count, np.full(count, 1 / count), size=size).astype(np.float64)


def expanded_tails(clusters: int, confidence: float) -> tuple[float, float]:
    """Percentiles whose normal quantile is Student's, stretched by sqrt(k / (k − 1))."""
    critical = distributions.t.ppf(0.5 + confidence / 2, clusters - 1) * math.sqrt(clusters / (clusters - 1))
    tail = float(distributions.norm.cdf(-critical))
    return tail, 1 - tail
