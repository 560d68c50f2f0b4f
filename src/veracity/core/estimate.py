"""`Estimate`: a number with its interval, its direction and its chance level."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

Direction = Literal["higher", "lower", "neither"]


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a metric reports. `value` is NaN only when `n` is 0; then the interval is NaN too."""

    value: float
    """The point estimate, in the metric's own unit."""
    se: float
    """Standard error, same unit (NaN when it cannot be estimated, as with one cluster)."""
    ci_low: float
    ci_high: float
    """Ends of the 95 % interval (unless the maker says otherwise)."""
    n: int
    """Rows that went into the value."""
    clusters: int
    """Independent source items behind those rows; equals `n` when rows are independent."""
    direction: Direction
    """Which way is better; selection for training refuses `neither`."""
    null: float | None = None
    """What chance, or no effect, would give; None where there is no such value."""

    def __post_init__(self) -> None:
        if self.n < 0 or self.clusters < 0 or self.clusters > self.n:
            raise ValueError(f"impossible counts: n={self.n}, clusters={self.clusters}")
        if self.n and not math.isnan(self.ci_low) and self.ci_low > self.ci_high:
            raise ValueError(f"interval upside down: {self.ci_low} > {self.ci_high}")

    def __format__(self, spec: str) -> str:
        """`f"{estimate:.2f}"` gives `0.91 [0.87, 0.95]`."""
        spec = spec or ".3f"
        if self.n == 0:
            return "no data"
        return f"{self.value:{spec}} [{self.ci_low:{spec}}, {self.ci_high:{spec}}]"
