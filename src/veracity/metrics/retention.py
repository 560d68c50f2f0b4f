"""How much of an ability is left: its end value relative to its start value in the same phase.

Raw retention of recognition is flattered by its chance level: a model that forgot everything keeps .5. Measured
from chance, (V_end − .5) / (V_start − .5), total forgetting is 0. On the paper's Gemma-3-4B curve, generation
retains 42 %, verification 80 %, or about 51 % from chance (Davidson et al., 2026, arXiv 2605.27564).
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import polars as pl

from veracity.core.estimate import Estimate
from veracity.metrics.probe_rows import Probe, ProbePhase, Target
from veracity.metrics.series import Point, clock, estimate, fact_table, has, per_seed, recall, recognition
from veracity.metrics.wording import percent
from veracity.stats.cluster import Floats


@dataclass(frozen=True, slots=True)
class Retention:
    """What a phase left of recognition and recall, at `since` epochs after its start."""

    since: int
    delay: int
    recognition: Estimate
    recognition_corrected: Estimate
    recall: Estimate
    difference: Estimate
    """Recognition's retention minus recall's, paired within facts, raw."""
    difference_corrected: Estimate
    """The same with recognition measured from chance; recall's chance is taken as 0, which favours recall."""
    per_seed: tuple[float, ...]
    """`difference` of each seed."""
    per_seed_corrected: tuple[float, ...]


def retained(start: float, end: float, chance: float = 0.0) -> float:
    """(end − chance) / (start − chance); NaN when the start is at chance or below, where nothing could be lost."""
    return (end - chance) / (start - chance) if start > chance else math.nan


def what_is_left(kept: Retention) -> str:
    """`95 % [91, 98] of recognition (90 % [82, 97] from chance) and 7 % [3, 12] of recall are left`."""
    corrected = f" ({percent(kept.recognition_corrected)} from chance)"
    recognition_left = f"{percent(kept.recognition)} of recognition{corrected}"
    if math.isnan(kept.recall.value):
        return f"{recognition_left} is left (of recall there was none)"
    return f"{recognition_left} and {percent(kept.recall)} of recall are left"


def retention_table(
    scored: pl.DataFrame, phase: ProbePhase, since: int, *, probe: Probe, target: Target = "learn", delay: int = 0
) -> pl.DataFrame:
    """Per (seed, fact): `v0`, `g0` at the phase's start and `v1`, `g1` at `since`."""
    v, g = recognition(target, probe), recall(target)
    points = {
        "v0": Point(v, phase, 0, delay),
        "v1": Point(v, phase, since, delay),
        "g0": Point(g, phase, 0, delay),
        "g1": Point(g, phase, since, delay),
    }
    return fact_table(scored, points)


def retention(
    scored: pl.DataFrame,
    phase: ProbePhase = "continual",
    *,
    probe: Probe,
    target: Target = "learn",
    delay: int = 0,
    since: int | None = None,
    seed: int = 0,
) -> Retention | None:
    """Retention at `since` (default: the last epoch that all seeds share); None where the phase was not probed."""
    times = clock(scored, phase, delay)
    if len(times) < 2:
        return None
    last = times[-1] if since is None else since
    table = retention_table(scored, phase, last, probe=probe, target=target, delay=delay)
    columns = ["v0", "v1", "g0", "g1"]
    if not has(table, *columns):
        return None
    return Retention(
        last,
        delay,
        estimate(table, columns, recognition_kept, direction="higher", null=1.0, seed=seed),
        estimate(table, columns, recognition_kept_corrected, direction="higher", null=1.0, seed=seed),
        estimate(table, columns, recall_kept, direction="higher", null=1.0, seed=seed),
        estimate(table, columns, _raw, null=0.0, seed=seed),
        estimate(table, columns, _corrected, null=0.0, seed=seed),
        tuple(per_seed(table, columns, _raw)),
        tuple(per_seed(table, columns, _corrected)),
    )


def ratio(end: Floats, start: Floats, chance: float = 0.0) -> Floats:
    """`retained` for arrays."""
    lost_from = start - chance
    return np.divide(end - chance, lost_from, out=np.full_like(end, math.nan), where=lost_from > 0)


def recognition_kept(means: Floats) -> Floats:
    """Statistic of (v0, v1, g0, g1): raw retention of recognition."""
    return ratio(means[:, 1], means[:, 0])


def recognition_kept_corrected(means: Floats) -> Floats:
    """Statistic of (v0, v1, g0, g1): retention of recognition measured from .5."""
    return ratio(means[:, 1], means[:, 0], 0.5)


def recall_kept(means: Floats) -> Floats:
    """Statistic of (v0, v1, g0, g1): retention of recall."""
    return ratio(means[:, 3], means[:, 2])


def _raw(means: Floats) -> Floats:
    return recognition_kept(means) - recall_kept(means)


def _corrected(means: Floats) -> Floats:
    return recognition_kept_corrected(means) - recall_kept(means)
