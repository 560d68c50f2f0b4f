"""How much of what a model knows its responses say, and how much of that agrees: means over responses to checklists.

Recall is N_consistent / |Λ|, precision N_consistent / (N_consistent + N_contradictory), as the rewards of these names
(after KLCF, arXiv 2509.23765, whose formulas we could not read). Here precision of a response that says nothing of its
list is undefined (`precision`), or 0 (`precision_or_zero`, as it is rewarded).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from veracity.core.estimate import Direction, Estimate
from veracity.core.judged import Group
from veracity.stats.cluster import bootstrap_mean


@dataclass(frozen=True, slots=True)
class ChecklistScores:
    """Means over responses whose whole list was judged, clustered as the problems are; there is no chance level."""

    recall: Estimate
    precision: Estimate
    precision_or_zero: Estimate
    contradicted: Estimate
    """Share of the list that a response contradicts."""
    failed: int
    """Responses of which an item could not be judged."""
    without_list: int
    """Responses to problems whose list is empty, or that have none."""


def checklist_scores(groups: Sequence[Group], *, seed: int, resamples: int = 2000) -> ChecklistScores:
    """Scores of one system from the groups of its judged responses."""
    lists = [(g.problem.cluster or g.problem.id, r.checklist) for g in groups for r in g.responses]
    judged = [(cluster, found) for cluster, found in lists if found and None not in found]
    counts = np.array(
        [[f.count("consistent"), f.count("contradictory"), len(f)] for _, f in judged], dtype=float
    ).reshape(-1, 3)
    consistent, contradictory, items = counts.T
    with np.errstate(invalid="ignore"):
        precision = consistent / (consistent + contradictory)
    clusters = [cluster for cluster, _ in judged]

    def mean(values: np.ndarray, direction: Direction = "higher") -> Estimate:
        return bootstrap_mean(values, clusters, seed=seed, resamples=resamples, direction=direction)

    return ChecklistScores(
        mean(consistent / items),
        mean(precision),
        mean(np.nan_to_num(precision)),
        mean(contradictory / items, "lower"),
        failed=sum(bool(found) and None in found for _, found in lists if found is not None),
        without_list=sum(not found for _, found in lists),
    )
