"""KnowRL's answer reward and its reward for facts in the reasoning (Ren et al., 2025, arXiv 2506.19807, and its code).

The published total is the sum of three parts, `KNOWRL`: the format (+1 kept, −1 broken), the answer (+2 right, +1
declined, −1 wrong), and, only where the answer is wrong and no refusal, FActScore with its length penalty (γ = 10) over
the claims of the *reasoning*. Whoever judges must therefore extract claims from the reasoning, not from the answer.
"""

from __future__ import annotations

from veracity.core.judged import Group, JudgedResponse
from veracity.rewards.base import reward
from veracity.rewards.factscore import length_penalty
from veracity.rewards.reading import claim_counts

KNOWRL = ("format?kept=1&broken=-1", "knowrl_answer", "knowrl_facts")
"""The parts, each of weight 1."""


@reward("knowrl_answer", "outcome")
def knowrl_answer(
    group: Group, *, correct: float = 2.0, abstained: float = 1.0, wrong: float = -1.0
) -> list[float | None]:
    """By the response's own outcome; an answer that is right in the reasoning alone is wrong."""
    worth = {"correct": correct, "process_correct": wrong, "abstained": abstained, "incorrect": wrong}
    return [None if r.outcome is None else worth[r.outcome] for r in group.responses]


@reward("knowrl_facts", "outcome", "claims", "verdicts")
def knowrl_facts(group: Group, *, gamma: float = 10.0) -> list[float | None]:
    """Penalised FActScore of a wrong answer's claims, 0 for a right or declined one, whose claims are not read.

    A wrong answer that makes no claim has nothing added (a reconstruction).
    """
    return [_facts(response, gamma) for response in group.responses]


def _facts(response: JudgedResponse, gamma: float) -> float | None:
    if response.outcome is None:
        return None
    if response.outcome in ("correct", "abstained"):
        return 0.0
    counts = claim_counts(response)
    if counts is None:
        return None
    return counts.supported / counts.judged * length_penalty(counts.judged, gamma) if counts.judged else 0.0
