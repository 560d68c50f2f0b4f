"""FActScore as a reward: FactTune-FS (Tian et al., 2023, arXiv 2311.08401), with or without the length penalty.

    r = supported / judged · (1 if judged > γ else exp(1 − γ / judged))

Published: the share (Min et al., 2023, arXiv 2305.14251), its penalty with γ = 10, and that FactTune trains without one
by default. Irrelevant claims are in neither number, as in SAFE. A response without claims has no score there and must
not be paired; `no_claims=zero` is for training by group, where no reward would be no pressure against saying nothing.
"""

from __future__ import annotations

import math

from veracity.core.errors import ConfigError
from veracity.core.judged import Group, JudgedResponse
from veracity.rewards.base import reward
from veracity.rewards.reading import NoClaims, claim_counts, precision


@reward("factscore", "claims", "verdicts")
def factscore(group: Group, *, gamma: float = 0.0, no_claims: NoClaims = "undefined") -> list[float | None]:
    """In [0, 1]; `gamma` 0 is no penalty. None where a claim has no label. ConfigError for a negative `gamma`."""
    if gamma < 0:
        raise ConfigError(f"factscore: gamma={gamma}; give the number of claims below which a response is penalised")
    return [_score(response, gamma, no_claims) for response in group.responses]


def length_penalty(judged: int, gamma: float) -> float:
    """FActScore's factor for one or more claims, in (0, 1]."""
    return 1.0 if judged > gamma else math.exp(1 - gamma / judged)


def _score(response: JudgedResponse, gamma: float, no_claims: NoClaims) -> float | None:
    counts = claim_counts(response)
    if counts is None or not counts.judged:
        return None if counts is None else precision(counts, no_claims)
    return counts.supported / counts.judged * length_penalty(counts.judged, gamma)
