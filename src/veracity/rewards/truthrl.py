"""TruthRL's ternary reward: right, declined, wrong (Wei et al., 2025, arXiv 2509.25760, §3)."""

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
