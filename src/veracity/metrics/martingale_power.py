"""How many trajectories a martingale slope needs, to be told before a run is paid for.

SE(M) ≈ sd(residual) / (sd(belief before)·√n), normal approximation, two-sided. With the usual spreads, 0.15 and 0.22,
a slope of 0.08 needs 571 trajectories at 80 % power and one of 0.03 over four thousand: tens of them cannot tell
published differences apart. Trajectories that share a source item count for less; `design` says how much.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from scipy import stats as distributions


@dataclass(frozen=True, slots=True)
class SlopeSpread:
    """What the error of a slope depends on beside n; from an earlier run, or as published models had it."""

    residual: float = 0.15
    """Standard deviation of changes about the line."""
    before: float = 0.22
    """Standard deviation of beliefs before, without reading noise."""
    design: float = 1.0
    """Variance of the slope over that of independent trajectories: 1 + (m − 1)·ρ for m a source item."""

    def __post_init__(self) -> None:
        if not (self.residual > 0 and self.before > 0 and self.design >= 1):
            raise ValueError(f"spreads are above 0 and the design effect is 1 or more, not {self}")


DEFAULT_SPREAD = SlopeSpread()


def slope_standard_error(trajectories: int, spread: SlopeSpread = DEFAULT_SPREAD) -> float:
    """Expected standard error of the slope; ValueError without a trajectory."""
    if trajectories < 1:
        raise ValueError(f"a slope needs trajectories, not {trajectories}")
    return spread.residual / spread.before * math.sqrt(spread.design / trajectories)


def required_trajectories(
    slope: float, spread: SlopeSpread = DEFAULT_SPREAD, *, power: float = 0.8, level: float = 0.05
) -> int:
    """How many show that a slope of this size is not 0. ValueError for 0, or power or level outside (0, 1)."""
    if slope == 0:
        raise ValueError("no number of trajectories shows that a slope of 0 is not 0")
    return math.ceil((_quantiles(power, level) * slope_standard_error(1, spread) / slope) ** 2 - 1e-9)


def detectable_slope(
    trajectories: int, spread: SlopeSpread = DEFAULT_SPREAD, *, power: float = 0.8, level: float = 0.05
) -> float:
    """Smallest |slope| that so many trajectories show."""
    return _quantiles(power, level) * slope_standard_error(trajectories, spread)


def power_sentence(
    trajectories: int, spread: SlopeSpread = DEFAULT_SPREAD, *, power: float = 0.8, level: float = 0.05
) -> str:
    """What a run of so many trajectories can show, and what it would need for published slopes, in a sentence."""
    seen = detectable_slope(trajectories, spread, power=power, level=level)
    needed = [f"{required_trajectories(m, spread, power=power, level=level):,} for {m}" for m in (0.08, 0.03)]
    return (
        f"{trajectories:,} trajectories show a martingale slope of {seen:.2g} or more in {100 * power:.0f} % of runs "
        f"(expected standard error {slope_standard_error(trajectories, spread):.2g}); published slopes need "
        f"{' and '.join(needed)}."
    )


def _quantiles(power: float, level: float) -> float:
    if not (0 < power < 1 and 0 < level < 1):
        raise ValueError(f"power and level lie strictly between 0 and 1, not {power} and {level}")
    return float(distributions.norm.ppf(1 - level / 2) + distributions.norm.ppf(power))
