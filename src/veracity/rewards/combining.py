"""One reward from several weighted parts, prompt by prompt, and how much of its variance each part explains.

A part that is undefined for a whole prompt (its checklist is empty, no format is asked for) is left out there, and the
other weights grow so that their sizes sum to what they did: prompts stay comparable. A part that is undefined for one
response alone (its judge failed) leaves that response without a reward: the others of its prompt are judged by more
parts, and a sum over fewer could not be compared with theirs.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

Values = Sequence[float | None]
DOMINANT = 0.8
"""Share of the variance above which one part is as good as the whole reward."""


@dataclass(frozen=True, slots=True)
class Combined:
    """The weighted sum over one prompt's responses."""

    values: tuple[float | None, ...]
    """One a response; None where a part that holds for the prompt is missing, or no part holds."""
    weights: Mapping[str, float]
    """Of the parts that hold for this prompt, after the others were left out."""


def combined(parts: Mapping[str, Values], weights: Mapping[str, float]) -> Combined:
    """Σ weight · part over the parts that hold for the prompt.

    Args:
        parts: by name, one value a response of the prompt.
        weights: by the same names; 0 leaves a part out as if it were not there.

    Raises:
        ValueError: parts of different lengths, or without a weight.
    """
    if set(parts) != set(weights) or len({len(values) for values in parts.values()}) > 1:
        raise ValueError(f"parts {sorted(parts)} and weights {sorted(weights)}: one weight and as many values a part")
    used = [name for name in parts if weights[name]]
    held = [name for name in used if any(value is not None for value in parts[name])]
    size = next((len(values) for values in parts.values()), 0)
    if not held:
        return Combined((None,) * size, {})
    whole, left = (math.fsum(abs(weights[name]) for name in names) for names in (used, held))
    grown = {name: weights[name] * whole / left for name in held}
    return Combined(tuple(_sum([(grown[name], parts[name][i]) for name in held]) for i in range(size)), grown)


def shares_of_variance(parts: Mapping[str, Values], weights: Mapping[str, float]) -> dict[str, float]:
    """Share of the variance of the weighted sum that each part explains: cov(w·part, sum) / var(sum).

    Over the responses that every part with a weight has a value for; the shares sum to 1, and one may be negative where
    parts pull against each other. Empty where fewer than two responses are left, or the sum does not vary.
    """
    used = [name for name in parts if weights[name]]
    rows = [row for row in zip(*(parts[name] for name in used), strict=True) if None not in row]
    if len(rows) < 2:
        return {}
    columns = {
        name: [weights[name] * value for value in column if value is not None]
        for name, column in zip(used, zip(*rows, strict=True), strict=True)
    }
    total = [math.fsum(row) for row in zip(*columns.values(), strict=True)]
    spread = statistics.variance(total)
    if spread <= 0:
        return {}
    return {name: statistics.covariance(column, total) / spread for name, column in columns.items()}


def dominant(shares: Mapping[str, float], threshold: float = DOMINANT) -> str | None:
    """The part that explains more than `threshold` of the variance; None where none does, or there is only one part."""
    name = max(shares, key=lambda part: shares[part], default=None)
    return name if name is not None and len(shares) > 1 and shares[name] > threshold else None


def _sum(weighed: Sequence[tuple[float, float | None]]) -> float | None:
    values = [weight * value for weight, value in weighed if value is not None]
    return math.fsum(values) if len(values) == len(weighed) else None
