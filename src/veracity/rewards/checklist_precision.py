"""How much of what a response says of a checklist agrees with it: KLCF's precision (Li et al., 2025, arXiv 2509.23765).

    r = N_consistent / (N_consistent + N_contradictory),    0 where the response says nothing of it

A reconstruction, as `veracity.rewards.checklist_recall`.
"""

from __future__ import annotations

from veracity.core.judged import Group
from veracity.rewards.base import reward
from veracity.rewards.reading import Covered, covered


@reward("checklist_precision", "checklist")
def checklist_precision(group: Group) -> list[float | None]:
    """In [0, 1]; None for an empty checklist, and where the judge of an item failed."""
    counts = [covered(response) for response in group.responses]
    return [None if c is None else _precision(c) for c in counts]


def _precision(counts: Covered) -> float:
    said = counts.consistent + counts.contradictory
    return counts.consistent / said if said else 0.0
