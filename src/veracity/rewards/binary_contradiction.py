"""One if nothing in a response is contradicted, else zero: binary retrieval-augmented reward.

Chen et al., 2025, "Train for Truth, Keep the Skills", arXiv 2510.17733: 1 iff retrieved evidence contradicts no part of
the response. There one question is asked about the whole response; here it is contradicted if one of its claims is
refuted, a reconstruction. What is neither supported nor refuted costs nothing, and so does saying nothing.
"""

from __future__ import annotations

from veracity.core.judged import Group, JudgedResponse
from veracity.rewards.base import reward


@reward("binary_contradiction", "claims", "verdicts")
def binary_contradiction(group: Group) -> list[float | None]:
    """0 or 1; None where no claim is known to be refuted and one has no label, or claims were not extracted."""
    return [_reward(response) for response in group.responses]


def _reward(response: JudgedResponse) -> float | None:
    if response.claims is None:
        return None
    labels = {claim.label for claim in response.claims}
    if "refuted" in labels:
        return 0.0
    return None if None in labels else 1.0
