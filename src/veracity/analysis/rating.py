"""Policies on shared items: means, paired differences, ratings from wins, and how sure their order is."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import polars as pl

from veracity.analysis.wording import sign
from veracity.core.estimate import Direction, Estimate
from veracity.stats.bradley_terry import item_wins, rank_draws, rating_draws
from veracity.stats.cluster import Floats, bootstrap_mean, cluster_codes, estimate_from_draws
from veracity.stats.paired import holm, paired_difference
from veracity.stats.permutation import swap_test


@dataclass(frozen=True, slots=True)
class UnitMeans:
    """Values of policies on items: the mean over a policy's replicates."""

    policies: tuple[str, ...]
    values: Floats
    """Units × policies, NaN where a policy has no value."""
    sources: np.ndarray
    """Source of each unit."""
    direction: Direction

    @classmethod
    def of(cls, wide: pl.DataFrame, direction: Direction) -> UnitMeans:
        """From `scores.unit_means`."""
        names = tuple(c for c in wide.columns if c not in ("source", "unit"))
        return cls(names, wide.select(names).to_numpy().reshape(len(wide), -1), wide["source"].to_numpy(), direction)


@dataclass(frozen=True, slots=True)
class PairedChange:
    """Two policies on the items that both have."""

    first: str
    second: str
    change: Estimate
    """Mean of second − first."""
    p_value: float
    """Of the permutation test that swaps them within sources."""
    adjusted: float
    """After Holm, over all pairs."""

    @property
    def winner(self) -> str | None:
        """Who is better at 5 % after correction; None where nobody is, or the metric has no better side."""
        way = sign(self.change.direction) * self.change.value
        if self.adjusted >= 0.05 or way == 0:
            return None
        return self.second if way > 0 else self.first


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a policy stands among others."""

    policy: str
    rating: Estimate
    """Elo, from wins on items: how often it is better, not by how much."""
    rank: float
    """1 is best, by the mean over items that all policies have."""
    rank_low: float
    rank_high: float
    """95 % of the ranks in resampled sources."""
    best: float
    """Share of resamples in which it is first; ties share."""


def means(units: UnitMeans, *, seed: int, resamples: int) -> dict[str, Estimate]:
    """Mean of each policy over its own items."""
    return {
        policy: bootstrap_mean(
            units.values[:, i], units.sources, seed=seed, resamples=resamples, direction=units.direction
        )
        for i, policy in enumerate(units.policies)
    }


def changes(units: UnitMeans, *, seed: int, resamples: int) -> list[PairedChange]:
    """All pairs of policies that share items, with Holm's correction over them."""
    found = []
    permutations = max(resamples, 100 * math.comb(len(units.policies), 2))  # the least p is below 5 % after Holm, too
    for i, j in combinations(range(len(units.policies)), 2):
        both = ~np.isnan(units.values[:, [i, j]]).any(axis=1)
        if not both.any():
            continue
        first, second, sources = units.values[both, i], units.values[both, j], units.sources[both]
        change = paired_difference(
            second, first, sources, seed=seed, resamples=resamples, direction=units.direction
        )  # fmt: skip
        p = swap_test(first[:, None], second[:, None], sources, lambda m: m[:, 0], seed=seed, resamples=permutations)
        found.append((units.policies[i], units.policies[j], change, p))
    adjusted = holm({f"{place}": p for place, (*_, p) in enumerate(found)})
    return [PairedChange(*one, adjusted[f"{place}"]) for place, one in enumerate(found)]


def standings(units: UnitMeans, *, seed: int, resamples: int) -> list[Standing]:
    """The policies, best mean first; empty with fewer than two, without shared items, or where neither way is better.

    Ratings are of all items that at least two policies have, ranks of those that all have.
    """
    way = sign(units.direction)
    whole = ~np.isnan(units.values).any(axis=1)
    if way == 0 or len(units.policies) < 2 or not whole.any():
        return []
    wins = item_wins(units.values, way)
    ratings, drawn = rating_draws(wins, units.sources, seed=seed, resamples=resamples)
    played = (wins + np.swapaxes(wins, 1, 2)).sum(axis=2) > 0
    ranks = rank_draws(_mean_draws(units.values[whole], units.sources[whole], seed, resamples), way)
    own = rank_draws(units.values[whole].mean(axis=0)[None, :], way)[0]
    found = []
    for i, policy in enumerate(units.policies):
        n, clusters = int(played[:, i].sum()), len(set(units.sources[played[:, i]].tolist()))
        rating = estimate_from_draws(float(ratings[i]), drawn[:, i], n, clusters, 0.95, "higher", 1000.0)
        low, high = np.quantile(ranks[:, i], [0.025, 0.975])
        first = ranks == ranks.min(axis=1, keepdims=True)
        best = float((first[:, i] / first.sum(axis=1)).mean())
        found.append(Standing(policy, rating, float(own[i]), float(low), float(high), best))
    return sorted(found, key=lambda one: (one.rank, -one.rating.value))


def against_the_mean(order: list[Standing]) -> list[tuple[str, str]]:
    """Pairs of policies of which the first has the better mean and the second the better rating."""
    return [
        (a.policy, b.policy) for a, b in combinations(order, 2) if a.rank < b.rank and a.rating.value < b.rating.value
    ]


def groups(policies: list[str], pairs: list[PairedChange]) -> dict[str, str]:
    """Letters of a compact display: two policies share none exactly if one is significantly better than the other.

    Piepho (2004, Journal of Computational and Graphical Statistics 13), insert and absorb. `policies` best first.
    """
    columns = [set(policies)]
    for apart in sorted({tuple(sorted((p.first, p.second))) for p in pairs if p.adjusted < 0.05}):
        whole = [column for column in columns if set(apart) <= column]
        rest = [column for column in columns if column not in whole]
        split = rest + [column - {one} for column in whole for one in apart]
        columns = [c for i, c in enumerate(split) if not any(c < d or (c == d and j < i) for j, d in enumerate(split))]
    columns.sort(key=lambda column: sorted(policies.index(p) for p in column))
    return {p: "".join(chr(97 + i) for i, c in enumerate(columns) if p in c) for p in policies}


def _mean_draws(values: Floats, sources: np.ndarray, seed: int, resamples: int) -> Floats:
    """Draws × policies: means over resampled sources, the same sources for all."""
    codes, count = cluster_codes(sources, len(values))
    sums = np.zeros((count, values.shape[1]))
    np.add.at(sums, codes, values)
    sizes = np.bincount(codes, minlength=count).astype(float)
    generator = np.random.Generator(np.random.PCG64(seed))
    weights = generator.multinomial(count, np.full(count, 1 / count), size=resamples).astype(float)
    return np.asarray((weights @ sums) / (weights @ sizes)[:, None])
