"""Mean confidence of a response's claims: FactTune-MC (Tian et al., 2023, arXiv 2311.08401).

    r = mean of c_j over the claims that have a confidence

Published, the leaving out of claims without one included. Where a confidence comes from (twenty answers to a question
made from each claim) is the judge's business.
"""

from __future__ import annotations

import math

from veracity.core.judged import Group, JudgedResponse
from veracity.rewards.base import reward


@reward("self_confidence", "claims", "confidence")
def self_confidence(group: Group) -> list[float | None]:
    """In the unit of the confidences; None for a response none of whose claims has one."""
    return [_mean(response) for response in group.responses]


def _mean(response: JudgedResponse) -> float | None:
    known = [claim.confidence for claim in response.claims or () if claim.confidence is not None]
    return math.fsum(known) / len(known) if known else None
