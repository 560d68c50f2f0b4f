"""Strengths from wins: the model of Bradley and Terry (1952, Biometrika 39), shown on the scale of Elo.

P(a beats b) = 1 / (1 + exp(θ_b − θ_a)). A tie is half a win for each. Every pair is given one drawn match more than was
played, so that who never loses has a finite strength; with many items that match weighs nothing.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence

import numpy as np

from veracity.stats.cluster import Floats, cluster_codes

ELO = 400 / math.log(10)
"""Elo points of one unit of θ: 400 points are odds of ten to one."""
CENTRE = 1000.0
"""Mean rating of those compared."""
VIRTUAL = 1.0
"""Drawn matches added to each pair."""


def item_wins(values: Floats, sign: int) -> Floats:
    """Items × systems × systems: 1 where the first system's value on the item is better, 1/2 where they are equal.

    `values` is items × systems, NaN where a system has none: no match then. `sign` is 1 if higher is better, −1 if
    lower is.
    """
    table = sign * np.asarray(values, dtype=float)
    first, second = table[:, :, None], table[:, None, :]
    played = ~(np.isnan(first) | np.isnan(second))
    with np.errstate(invalid="ignore"):
        wins = np.where(first > second, 1.0, np.where(first == second, 0.5, 0.0))
    wins = np.where(played, wins, 0.0)
    wins[:, np.arange(table.shape[1]), np.arange(table.shape[1])] = 0.0
    return np.asarray(wins)


def strengths(wins: Floats, *, virtual: float = VIRTUAL, rounds: int = 100) -> Floats:
    """Maximum-likelihood θ with mean 0, by Newton's method.

    Args:
        wins: … × systems × systems; entry (a, b) counts how often a beat b. Leading axes are separate fits.
        virtual: Drawn matches added to each pair; with 0, one who always or never wins has no finite θ.
        rounds: Most steps.

    Returns:
        … × systems.
    """
    k = wins.shape[-1]
    counted = wins + virtual / 2 * (1 - np.eye(k))
    played = counted + np.swapaxes(counted, -1, -2)
    theta = np.zeros(wins.shape[:-1])
    for _ in range(rounds):
        p = 1 / (1 + np.exp(theta[..., None, :] - theta[..., :, None]))
        gradient = (counted - played * p).sum(-1)
        information = -played * p * (1 - p)
        information = information - np.eye(k) * information.sum(-1)[..., None]
        step = np.linalg.solve(information + 1 / k, gradient[..., None])[..., 0]
        theta = theta + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-10:
            break
    return np.asarray(theta - theta.mean(-1, keepdims=True))


def elo(theta: Floats) -> Floats:
    """θ as Elo ratings around `CENTRE`."""
    return np.asarray(CENTRE + ELO * theta)


def rating_draws(
    wins: Floats, clusters: Sequence[Hashable] | np.ndarray, *, seed: int, resamples: int = 1000
) -> tuple[Floats, Floats]:
    """Elo ratings, and draws × systems of them with whole clusters of items resampled.

    `wins` is items × systems × systems, as `item_wins` gives it.
    """
    codes, count = cluster_codes(clusters, len(wins))
    totals = np.zeros((count, *wins.shape[1:]))
    np.add.at(totals, codes, wins)
    generator = np.random.Generator(np.random.PCG64(seed))
    weights = generator.multinomial(count, np.full(count, 1 / count), size=resamples).astype(float)
    drawn = np.tensordot(weights, totals, axes=(1, 0))
    return elo(strengths(wins.sum(axis=0))), elo(strengths(drawn))


def rank_draws(values: Floats, sign: int) -> Floats:
    """Ranks (1 the best, ties at their middle) of draws × systems."""
    from scipy.stats import rankdata

    return np.asarray(rankdata(-sign * np.asarray(values), axis=-1))
