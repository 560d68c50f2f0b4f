"""TruthRL's ternary reward: right +1, declined 0, wrong −1 (Wei et al., 2025, arXiv 2509.25760, §3).

The three values are published. The variant that pays for declining what lies outside the model's knowledge needs a
probe of that knowledge beforehand, and is no function of a group.
"""

from __future__ import annotations

from veracity.core.judged import Group
from veracity.rewards.base import reward


@reward("truthrl", "outcome")
def truthrl(group: Group, *, correct: float = 1.0, abstained: float = 0.0, wrong: float = -1.0) -> list[float | None]:
    """`correct`, `abstained` or `wrong` for each response by its own outcome; the group has no say.

    An answer that is right in the reasoning alone is wrong.
    """
    worth = {"correct": correct, "process_correct": wrong, "abstained": abstained, "incorrect": wrong}
    return [None if r.outcome is None else worth[r.outcome] for r in group.responses]
