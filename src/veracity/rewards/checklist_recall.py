"""How much of what the base model knows a response says: KLCF's recall (Li et al., 2025, arXiv 2509.23765).

    r = N_consistent / |Λ|

A reconstruction: the method names the reward and describes it as the share of known facts that appear; we could read no
formula.
"""

from __future__ import annotations

from veracity.core.judged import Group
from veracity.rewards.base import reward
from veracity.rewards.reading import covered


@reward("checklist_recall", "checklist")
def checklist_recall(group: Group) -> list[float | None]:
    """In [0, 1]; None for an empty checklist, and where the judge of an item failed."""
    counts = [covered(response) for response in group.responses]
    return [None if c is None else c.consistent / c.items for c in counts]
