"""How true a verifier trained on the base model's claims thinks a response: KLCF (Li et al., 2025, arXiv 2509.23765).

    r = mean of P_true(claim_j)

The mean, and 0 for a response without claims, are reconstructions; `no_claims=undefined` leaves such a response without
a reward. Unlike FactTune's mean confidence, a claim whose verifier failed leaves the whole response without one.
"""

from __future__ import annotations

import math

from veracity.core.judged import Group, JudgedResponse
from veracity.rewards.base import reward
from veracity.rewards.reading import NoClaims


@reward("truthfulness", "claims", "confidence")
def truthfulness(group: Group, *, no_claims: NoClaims = "zero") -> list[float | None]:
    """In [0, 1]; None where claims were not extracted, or one has no probability."""
    return [_mean(response, no_claims) for response in group.responses]


def _mean(response: JudgedResponse, no_claims: NoClaims) -> float | None:
    if response.claims is None:
        return None
    if not response.claims:
        return 0.0 if no_claims == "zero" else None
    known = [claim.confidence for claim in response.claims if claim.confidence is not None]
    return math.fsum(known) / len(known) if len(known) == len(response.claims) else None
