"""How well a checklist verifier tells consistent, contradictory and missing apart: macro-F1, label by label.

F1 of a label is 2·TP / (2·TP + FP + FN); macro-F1 is the mean over the three. Items whose judge failed are left out of
these and counted beside them. A verifier that trains a policy should reach `SUFFICIENT` on held-out prompts: a bar of
our own, as nothing is published for KLCF's (arXiv 2509.23765).
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import get_args

import numpy as np

from veracity.core.estimate import Estimate
from veracity.core.judged import Coverage
from veracity.stats.cluster import Floats, bootstrap_statistic
from veracity.stats.proportion import clustered_proportion

LABELS: tuple[Coverage, ...] = get_args(Coverage)
SUFFICIENT = 0.85


@dataclass(frozen=True, slots=True)
class VerifierQuality:
    """What is known of one verifier."""

    macro_f1: Estimate
    """`null` is what chance gives with these shares of true and given labels."""
    f1: Mapping[Coverage, Estimate]
    failures: Estimate
    """Share of items without a label."""
    confusion: Mapping[tuple[Coverage, Coverage], int]
    """(true label, given label) → items."""

    @property
    def sufficient(self) -> bool:
        """Whether macro-F1 reaches `SUFFICIENT`."""
        return self.macro_f1.n > 0 and self.macro_f1.value >= SUFFICIENT


def verifier_quality(
    truth: Sequence[Coverage],
    given: Sequence[Coverage | None],
    clusters: Sequence[Hashable],
    *,
    seed: int,
    resamples: int = 2000,
) -> VerifierQuality:
    """Quality from true and given labels, item by item; clusters (responses or entities) are resampled.

    A label that neither truth nor verifier uses has no F1 and is left out of the mean. ValueError for columns of
    different lengths.
    """
    rows = list(zip(truth, given, clusters, strict=True))
    judged = [(t, g, c) for t, g, c in rows if g is not None]
    names = [c for _, _, c in judged]
    table = np.array([[(t == k) & (g == k), t == k, g == k] for t, g, _ in judged for k in LABELS], dtype=float)
    table = table.reshape(len(judged), 3 * len(LABELS))  # items × (hit, true, given of each label)
    chance = float(np.nanmean(_f1(_independent(table.mean(axis=0)[None, :]))[0])) if judged else None

    def macro(means: Floats) -> Floats:
        found: Floats = np.nanmean(_f1(means), axis=1)
        return found

    def one(place: int) -> Estimate:
        return bootstrap_statistic(table, names, lambda m: _f1(m)[:, place], seed=seed, resamples=resamples)

    return VerifierQuality(
        bootstrap_statistic(table, names, macro, seed=seed, resamples=resamples, null=chance),
        {label: one(place) for place, label in enumerate(LABELS)},
        clustered_proportion([g is None for _, g, _ in rows], [c for _, _, c in rows], direction="lower", null=0.0),
        {(t, g): sum((a, b) == (t, g) for a, b, _ in judged) for t in LABELS for g in LABELS},
    )


def _f1(means: Floats) -> Floats:
    """(draws, 3 · labels) means → (draws, labels); NaN for a label that nobody uses."""
    hit, true, given = (means[:, k::3] for k in range(3))
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floats = np.where(true + given > 0, 2 * hit / (true + given), np.nan)
    return found


def _independent(means: Floats) -> Floats:
    """The means that the same shares of labels would give if they were dealt out by chance."""
    dealt = means.copy()
    dealt[:, 0::3] = means[:, 1::3] * means[:, 2::3]
    return dealt
