"""FActScore plus the logarithm of the number of claims: the simple shaped reward that KLCF is to be compared with.

    r = supported / judged + count · ln(1 + judged)

Asked for by a reviewer of KLCF (arXiv 2509.23765) and not published there: the form is ours. The count is of all judged
claims, so padding pays; `precision_detail_relevance` counts the supported ones.
"""

from __future__ import annotations

import math

from veracity.core.judged import Group, JudgedResponse
from veracity.rewards.base import reward
from veracity.rewards.reading import NoClaims, claim_counts, precision


@reward("factscore_log_count", "claims", "verdicts")
def factscore_log_count(group: Group, *, count: float = 0.1, no_claims: NoClaims = "zero") -> list[float | None]:
    """One value a response; None where a claim has no label."""
    return [_reward(response, count, no_claims) for response in group.responses]


def _reward(response: JudgedResponse, count: float, no_claims: NoClaims) -> float | None:
    counts = claim_counts(response)
    if counts is None:
        return None
    share = precision(counts, no_claims)
    return None if share is None else share + count * math.log1p(counts.judged)
