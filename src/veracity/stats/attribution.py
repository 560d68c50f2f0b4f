"""How much of a fit belongs to which feature, and how strong an unseen cause must be to explain an effect away."""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations

import numpy as np

from veracity.stats.cluster import Floats


def r_squared(y: Floats, design: Floats) -> float:
    """Share of the squares of `y` that a least-squares fit on `design` (rows × columns, no constant) explains."""
    total = float(y @ y)
    if total <= 0 or design.shape[1] == 0:
        return 0.0
    left = y - design @ np.linalg.lstsq(design, y, rcond=None)[0]
    return max(0.0, 1 - float(left @ left) / total)


def shapley_r_squared(y: Floats, features: Mapping[str, Floats]) -> dict[str, float]:
    """R² divided over groups of columns: each one's mean gain over all orders of entering.

    Lindeman, Merenda and Gold (1980). The parts add up to the R² of all. `y` and the columns must have mean 0. It takes
    2^groups fits; ValueError above 12 groups.
    """
    names = list(features)
    if len(names) > 12:
        raise ValueError(f"{len(names)} features need {2 ** len(names)} fits; declare at most 12")
    fits = {
        frozenset(chosen): r_squared(y, np.column_stack([np.empty((len(y), 0)), *[features[n] for n in chosen]]))
        for size in range(len(names) + 1)
        for chosen in combinations(names, size)
    }
    k = len(names)
    parts = dict.fromkeys(names, 0.0)
    for chosen, value in fits.items():
        for name in names:
            if name not in chosen:
                weight = math.factorial(len(chosen)) * math.factorial(k - len(chosen) - 1) / math.factorial(k)
                parts[name] += weight * (fits[chosen | {name}] - value)
    return parts


def robustness_value(t: float, freedom: float) -> float:
    """Share of the rest of both cause and effect that an unseen confounder must explain to bring a coefficient to 0.

    (√(f⁴ + 4f²) − f²) / 2 with f = |t| / √freedom (Cinelli and Hazlett, 2020, JRSS B 82, equation 20). In [0, 1].
    """
    if not freedom > 0 or not math.isfinite(t):
        return math.nan
    f2 = t * t / freedom
    return (math.sqrt(f2 * f2 + 4 * f2) - f2) / 2


def e_value(standardised: float) -> float:
    """Least risk ratio with both cause and effect that an unseen confounder needs to explain a difference away.

    For a difference in standard deviations of the outcome: RR = exp(0.91·|d|), E = RR + √(RR·(RR − 1)) (VanderWeele and
    Ding, 2017, Annals of Internal Medicine 167). At least 1, which is nothing at all.
    """
    ratio = math.exp(0.91 * abs(standardised))
    return ratio + math.sqrt(ratio * (ratio - 1))
