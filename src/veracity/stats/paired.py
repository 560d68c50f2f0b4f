"""Two systems on the same items: the paired difference, and McNemar's exact test where items are right or wrong."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats as distributions

from veracity.core.estimate import Direction, Estimate
from veracity.stats.cluster import bootstrap_statistic


@dataclass(frozen=True, slots=True)
class McNemar:
    """Discordant items of two systems, and the exact two-sided p-value of their being even."""

    only_first: int
    only_second: int
    p_value: float


def paired_difference(
    first: Sequence[float] | np.ndarray,
    second: Sequence[float] | np.ndarray,
    clusters: Sequence[Hashable] | np.ndarray,
    *,
    seed: int,
    resamples: int = 2000,
    confidence: float = 0.95,
    direction: Direction = "higher",
) -> Estimate:
    """Mean of `first` − `second` over shared items, cluster bootstrap of the differences; its null is 0.

    Items where either is NaN are left out. ValueError unless both have one value an item.
    """
    a, b = np.asarray(first, dtype=float), np.asarray(second, dtype=float)
    if a.shape != b.shape:
        raise ValueError(f"paired systems need the same items, but got {a.size} and {b.size} values")
    return bootstrap_statistic(
        (a - b)[:, None],
        clusters,
        lambda means: means[:, 0],
        seed=seed,
        resamples=resamples,
        confidence=confidence,
        direction=direction,
        null=0.0,
    )


def mcnemar_exact(first: Sequence[bool] | np.ndarray, second: Sequence[bool] | np.ndarray) -> McNemar:
    """McNemar's exact test: among items that one system alone gets right, is either favoured?

    Items must be independent (one an item, not one a row of a cluster). Without discordant items p is 1.
    """
    a, b = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    if a.shape != b.shape:
        raise ValueError(f"paired systems need the same items, but got {a.size} and {b.size} values")
    only_first, only_second = int(np.sum(a & ~b)), int(np.sum(~a & b))
    discordant = only_first + only_second
    p_value = float(distributions.binomtest(only_first, discordant, 0.5).pvalue) if discordant else 1.0
    return McNemar(only_first, only_second, p_value)


def holm(p_values: Mapping[str, float]) -> dict[str, float]:
    """Holm's step-down adjustment (Holm, 1979): family-wise error control under any dependence; order is kept.

    Adjusted p of the i-th smallest of m is the largest of (m − j + 1)·p_j over j ≤ i, capped at 1.
    """
    if bad := [name for name, p in p_values.items() if not 0 <= p <= 1]:
        raise ValueError(f"p-values lie in [0, 1], but {bad[0]!r} is {p_values[bad[0]]}")
    adjusted: dict[str, float] = {}
    largest = 0.0
    for rank, name in enumerate(sorted(p_values, key=lambda key: p_values[key])):
        largest = max(largest, min(1.0, (len(p_values) - rank) * p_values[name]))
        adjusted[name] = largest
    return {name: adjusted[name] for name in p_values}
