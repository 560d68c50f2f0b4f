"""FLAME's split: facts are rewarded only where facts are asked for (Lin et al., 2024, arXiv 2405.01525, §4).

    fact-seeking:  r = z(general) + factuality · z(FActScore)
    otherwise:     r = z(general)

z standardises over the prompt's responses. Published: a reward model for following instructions on every prompt, one
for factuality on fact-seeking ones only, both made into preference pairs for DPO. Their sum is a reconstruction; who
wants the published pairs makes two sets, by `general` and by `factscore`, from prompts that `fact_seeking` splits.
"""

from __future__ import annotations

from veracity.core.errors import DataError
from veracity.core.judged import Group
from veracity.core.problem import Problem
from veracity.rewards.base import reward
from veracity.rewards.factscore import factscore
from veracity.rewards.general import standardised


@reward("flame", "claims", "verdicts", "general", "fact_seeking")
def flame(group: Group, *, factuality: float = 1.0) -> list[float | None]:
    """One value a response; None where a part that its prompt needs is missing."""
    if not group.responses:
        return []
    following = standardised([response.general for response in group.responses])
    if not fact_seeking(group.problem):
        return following
    facts = standardised(factscore(group))
    return [None if a is None or b is None else a + factuality * b for a, b in zip(following, facts, strict=True)]


def fact_seeking(problem: Problem) -> bool:
    """Whether the problem asks for facts, as its detail of that name says; DataError where it does not say."""
    said = problem.detail("fact_seeking")
    if not isinstance(said, bool):
        place = f"problem {problem.domain}/{problem.id}"
        raise DataError("does not say whether it asks for facts; give it the detail fact_seeking", path=place)
    return said
