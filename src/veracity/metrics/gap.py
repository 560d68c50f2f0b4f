"""The gap: how much more of what it was taught a model recognises than it can state.

Raw, V − G compares a share whose chance is .5 with one whose chance is about 0, so a model that knows nothing
already has a gap of .5. Chance-corrected, (2V − 1) − G, it starts at 0 (Davidson et al., 2026, arXiv 2605.27564,
define the factual gap; the correction is ours).
"""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from veracity.core.estimate import Estimate
from veracity.metrics.probe_rows import Probe, ProbePhase, Target
from veracity.metrics.series import Point, clock, difference, estimate, fact_table, has, recall, recognition


@dataclass(frozen=True, slots=True)
class Gap:
    """Recognition minus recall at one moment."""

    since: int
    """Epochs since the phase's start."""
    raw: Estimate
    """V − G."""
    corrected: Estimate
    """(V − chance) / (1 − chance) − G."""


def gaps(
    scored: pl.DataFrame, phase: ProbePhase, *, probe: Probe, target: Target = "learn", delay: int = 0, seed: int = 0
) -> list[Gap]:
    """The gap at every epoch that all seeds share, paired within facts; empty without rows of both probes."""
    found = []
    for since in clock(scored, phase, delay):
        points = {
            "v": Point(recognition(target, probe), phase, since, delay),
            "g": Point(recall(target), phase, since, delay),
        }
        table = fact_table(scored, points)
        if has(table, "v", "g"):
            raw = estimate(table, ["v", "g"], difference, null=0.0, seed=seed)
            corrected = estimate(table, ["v", "g"], lambda m: 2 * m[:, 0] - 1 - m[:, 1], null=0.0, seed=seed)
            found.append(Gap(since, raw, corrected))
    return found


def widest(found: list[Gap]) -> Gap | None:
    """The moment with the largest chance-corrected gap (the earliest of equals); None of an empty list."""
    return max(found, key=lambda gap: gap.corrected.value, default=None)


def alpha_mixture(target: float, control: float, alpha: float) -> float:
    """α·V_target + (1 − α)·V_control: accepting right answers weighed against refusing wrong ones; α in [0, 1].

    At α = .5 a model that always says True and one that always says False both score .5.
    """
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha is a weight in [0, 1], not {alpha}")
    return alpha * target + (1 - alpha) * control
