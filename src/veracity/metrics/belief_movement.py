"""How much beliefs move, against how much they learn: Augenblick and Rabin (2021, Quarterly Journal of Economics 136).

Along a path b_0 … b_T movement is Σ (b_{t+1} − b_t)² and uncertainty reduction b_0(1 − b_0) − b_T(1 − b_T). For a
Bayesian both have the same expectation: X = mean movement / mean reduction is 1. Above it beliefs move more than they
learn (volatility), below it less (stubbornness), which the martingale slope can't see: who never moves has slope 0.

Reading noise of variance v moves a belief too. It adds the v of both ends to each step of the movement, and takes v at
the start, less v at the end, from the reduction; replicate readings measure it, and it is subtracted.
"""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

import numpy as np

from veracity.core.estimate import Estimate
from veracity.stats.cluster import Floats, bootstrap_mean, bootstrap_statistic

STILL = 1e-9
"""Beliefs that differ by no more than this are the same: sums of floating-point numbers."""


@dataclass(frozen=True, slots=True)
class Movements:
    """Movement and learning of paths, one a row; `of` makes them from beliefs."""

    movement: Floats
    reduction: Floats
    movement_noise: Floats
    """What reading noise is estimated to have added; NaN where a belief of the path was read once."""
    reduction_noise: Floats
    """Likewise, negative where it took something."""
    clusters: tuple[Hashable, ...]

    @classmethod
    def of(
        cls,
        paths: Sequence[Sequence[float]],
        noise: Sequence[Sequence[float]] | None = None,
        clusters: Sequence[Hashable] | None = None,
    ) -> Movements:
        """From beliefs b_0 … b_T of each path, and the variances of their readings, NaN where they are not known.

        Raises:
            ValueError: a path of one belief, or variances or clusters that do not fit.
        """
        unknown = [[math.nan] * len(path) for path in paths]
        variances = unknown if noise is None else [list(v) for v in noise]
        names: tuple[Hashable, ...] = tuple(range(len(paths))) if clusters is None else tuple(clusters)
        fit = len(names) == len(variances) == len(paths)
        if not fit or any(len(p) < 2 or len(p) != len(v) for p, v in zip(paths, variances, strict=True)):
            raise ValueError("movement needs paths of two beliefs or more, with a variance each and a cluster a path")
        rows = [_of_path(np.asarray(p, float), np.asarray(v, float)) for p, v in zip(paths, variances, strict=True)]
        columns = np.array(rows, dtype=float).reshape(-1, 4).T
        return cls(columns[0], columns[1], columns[2], columns[3], names)

    def __len__(self) -> int:
        return int(self.movement.size)


@dataclass(frozen=True, slots=True)
class ExcessMovement:
    """Movement against learning; estimates of no rows where there are no paths."""

    movement: Estimate
    """Mean; 0 is a reasoner whom nothing moves."""
    reduction: Estimate
    """Mean; null 0, below it uncertainty grew."""
    ratio: Estimate | None
    """X; null 1. None where uncertainty was not reduced."""
    corrected_movement: Estimate | None
    """Less reading noise; None unless every belief of some path was read twice. Over such paths alone."""
    corrected_ratio: Estimate | None

    @property
    def none(self) -> bool:
        """Whether nothing is shown to move: no belief does, or no more than readings of one belief differ."""
        if self.movement.n and self.movement.value <= STILL**2:
            return True
        corrected = self.corrected_movement
        return corrected is not None and not math.isnan(corrected.ci_low) and corrected.ci_low <= 0


def excess_movement(rows: Movements, *, seed: int, resamples: int = 2000) -> ExcessMovement:
    """Means of movement and reduction, and their ratio with and without reading noise."""
    known = np.isfinite(rows.movement_noise)
    names = [name for name, kept in zip(rows.clusters, known, strict=True) if kept]
    m = (rows.movement - rows.movement_noise)[known]
    r = (rows.reduction - rows.reduction_noise)[known]

    def mean(values: Floats, clusters: Sequence[Hashable], null: float | None = None) -> Estimate:
        return bootstrap_mean(values, clusters, seed=seed, resamples=resamples, direction="neither", null=null)

    return ExcessMovement(
        movement=mean(rows.movement, rows.clusters),
        reduction=mean(rows.reduction, rows.clusters, 0.0),
        ratio=_ratio(rows.movement, rows.reduction, rows.clusters, seed, resamples),
        corrected_movement=mean(m, names) if m.size else None,
        corrected_ratio=_ratio(m, r, names, seed, resamples),
    )


def _of_path(b: Floats, v: Floats) -> tuple[float, float, float, float]:
    moved = float(np.sum(np.diff(b) ** 2))
    reduced = float(b[0] * (1 - b[0]) - b[-1] * (1 - b[-1]))
    return moved, reduced, float(np.sum(v[1:] + v[:-1])), float(v[-1] - v[0])


def _ratio(
    movement: Floats, reduction: Floats, clusters: Sequence[Hashable], seed: int, resamples: int
) -> Estimate | None:
    if not movement.size or not reduction.mean() > STILL:
        return None

    def of(means: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.where(means[:, 1] > 0, means[:, 0] / means[:, 1], np.nan))

    table = np.column_stack([movement, reduction])
    return bootstrap_statistic(table, clusters, of, seed=seed, resamples=resamples, direction="neither", null=1.0)
