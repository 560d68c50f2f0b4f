"""How many items a comparison of two proportions needs, and what it can detect with those at hand.

Normal approximations, two-sided. Paired: both systems answer the same items (Connor, 1987, Biometrics 43);
unpaired: each has its own (Fleiss, Levin and Paik, 2003, chapter 4, without continuity correction).
"""

from __future__ import annotations

import math
from collections.abc import Callable

from scipy import stats as distributions
from scipy.optimize import brentq


def required_items_unpaired(first: float, second: float, *, power: float = 0.8, level: float = 0.05) -> int:
    """Items *each* system needs for the difference of the proportions `first` and `second` to be found."""
    _check_open_interval(power, level)
    if first == second:
        raise ValueError("two equal proportions differ by nothing; no number of items will show it")
    if not (0 <= first <= 1 and 0 <= second <= 1):
        raise ValueError(f"proportions lie in [0, 1], not {first} and {second}")
    return math.ceil(_items_unpaired(first, second, power, level) - 1e-9)


def required_items_paired(difference: float, discordant: float, *, power: float = 0.8, level: float = 0.05) -> int:
    """Shared items needed to find `difference`, if the systems disagree on a share `discordant` of them.

    0 < |difference| ≤ discordant ≤ 1, else ValueError.
    """
    _check_open_interval(power, level)
    if not 0 < abs(difference) <= discordant <= 1:
        raise ValueError(f"a difference of {difference} cannot come from a discordant share of {discordant}")
    return math.ceil(_items_paired(difference, discordant, power, level) - 1e-9)


def detectable_difference_unpaired(items: int, base: float, *, power: float = 0.8, level: float = 0.05) -> float:
    """Smallest rise over the proportion `base` found with `items` each; NaN if even a rise to 1 is not."""
    _check_open_interval(power, level)
    if items < 1 or not 0 <= base < 1:
        raise ValueError(f"needs at least one item and a base in [0, 1), not {items} and {base}")
    return _smallest(lambda d: _items_unpaired(base, base + d, power, level) - items, 1 - base)


def detectable_difference_paired(items: int, discordant: float, *, power: float = 0.8, level: float = 0.05) -> float:
    """Smallest difference found with `items` shared ones; NaN if even all discordant ones one way are not enough."""
    _check_open_interval(power, level)
    if items < 1 or not 0 < discordant <= 1:
        raise ValueError(f"needs at least one item and a discordant share in (0, 1], not {items} and {discordant}")
    return _smallest(lambda d: _items_paired(d, discordant, power, level) - items, discordant)


def _items_unpaired(first: float, second: float, power: float, level: float) -> float:
    pooled = (first + second) / 2
    alternative = first * (1 - first) + second * (1 - second)
    spread = _critical(level) * math.sqrt(2 * pooled * (1 - pooled)) + _quantile(power) * math.sqrt(alternative)
    return (spread / (first - second)) ** 2


def _items_paired(difference: float, discordant: float, power: float, level: float) -> float:
    alternative = math.sqrt(max(0.0, discordant - difference**2))
    return ((_critical(level) * math.sqrt(discordant) + _quantile(power) * alternative) / difference) ** 2


def _smallest(excess: Callable[[float], float], largest: float) -> float:
    """Root of a function that falls from +infinity at 0; NaN if it is still positive at `largest`."""
    if excess(largest) > 0:
        return math.nan
    return float(brentq(excess, 1e-9, largest, xtol=1e-9))


def _critical(level: float) -> float:
    return _quantile(1 - level / 2)


def _quantile(probability: float) -> float:
    return float(distributions.norm.ppf(probability))


def _check_open_interval(power: float, level: float) -> None:
    if not (0 < power < 1 and 0 < level < 1):
        raise ValueError(f"power and level lie strictly between 0 and 1, not {power} and {level}")
