"""Changes of belief against the belief before them: the martingale slope and its corrections, on plain arrays.

A reasoner who follows Bayes' rule has E[Δb | b = p] = 0 for every p: its beliefs are a martingale. The slope of
Δb = after − before on b = before, over many problems, is the published score (He, Qiu, Shirado and Sap, 2025,
arXiv 2512.02914): above 0 beliefs entrench, below 0 they are over-corrected, or were misread.

What biases it, and what is done about each:

* Reading noise of standard deviation s in `before` stands on both sides of the regression: with beliefs of variance V
  the slope M reads (M V − s²)/(V + s²). A second, independent reading of the same belief removes it, as an instrument
  (`iv`) or as a measure of s² (`noise_corrected`).
* Within one trajectory the slope of a true martingale is far below 0 (the unit-root bias). Steps are pooled over many
  trajectories, or not used.
* Beliefs about whichever option was shown first are regressed through 0.5: see `belief_paths.deshuffled`.
* Beliefs cannot leave [0, 1]: the slope on logits (clipped) tells whether the ends make the result.

Every estimate is a function of column means, bootstrapped by source item.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np

from veracity.core.estimate import Direction, Estimate
from veracity.metrics.calibration import bin_numbers
from veracity.stats.cluster import Floats, bootstrap_mean, bootstrap_statistic

LOGIT_CLIP = (0.02, 0.98)
"""Probabilities are kept within before their logits are taken."""

Estimator = Literal["ols", "iv", "noise_corrected"]
Penalty = Literal["none", "l1", "l2"]


@dataclass(frozen=True, slots=True)
class Changes:
    """Changes of belief, one a row; `of` makes them from readings."""

    before: Floats
    """Mean of the readings of the belief before."""
    after: Floats
    first: Floats
    """Mean of one half of the readings before."""
    second: Floats
    """Mean of the other half; NaN where there was one reading."""
    noise: Floats
    """Estimated variance of `before` about what it reads; NaN where there was one reading."""
    clusters: tuple[Hashable, ...]
    """Source item of each row."""
    paths: tuple[Hashable, ...]
    """Trajectory of each row."""

    @classmethod
    def of(
        cls,
        before: Sequence[float] | Floats,
        after: Sequence[float] | Floats,
        clusters: Sequence[Hashable] | None = None,
        paths: Sequence[Hashable] | None = None,
    ) -> Changes:
        """Changes from readings: `before` is (rows,) or (rows, replicates), `after` (rows,).

        Raises:
            ValueError: lengths differ, or a belief is not finite.
        """
        read = np.asarray(before, dtype=float)
        read = read[:, None] if read.ndim == 1 else read
        end, n = np.asarray(after, dtype=float), len(read)
        names: tuple[Hashable, ...] = tuple(range(n)) if clusters is None else tuple(clusters)
        own: tuple[Hashable, ...] = tuple(range(n)) if paths is None else tuple(paths)
        if not n == end.size == len(names) == len(own) or not (np.isfinite(read).all() and np.isfinite(end).all()):
            raise ValueError("each change needs a finite belief before and after, a cluster and a trajectory")
        again = read.shape[1] > 1
        unread = np.full(n, np.nan)
        noise = read.var(axis=1, ddof=1) / read.shape[1] if again else unread
        second = read[:, 1::2].mean(axis=1) if again else unread
        return cls(read.mean(axis=1), end, read[:, ::2].mean(axis=1), second, noise, names, own)

    def __len__(self) -> int:
        return int(self.before.size)

    @property
    def change(self) -> Floats:
        """After less before."""
        return self.after - self.before

    def subset(self, rows: np.ndarray) -> Changes:
        """The rows where `rows` is true."""
        kept = np.flatnonzero(rows)
        columns = (self.before, self.after, self.first, self.second, self.noise)
        b, a, f, s, v = (column[kept] for column in columns)
        return Changes(b, a, f, s, v, tuple(self.clusters[i] for i in kept), tuple(self.paths[i] for i in kept))


@dataclass(frozen=True, slots=True)
class Objective:
    """A loss made of a slope M and of the information J that the changes gained: M² − coefficient·J, or |M| − ….

    Who never moves has M = 0; with a coefficient above 0 that is no longer the least loss.
    """

    estimator: Estimator = "iv"
    penalty: Penalty = "none"
    strength: float = 0.0
    form: Literal["squared", "absolute"] = "squared"
    coefficient: float = 0.0
    measure: Literal["reduction", "movement"] = "reduction"
    """J: mean of b(1 − b) − a(1 − a) from before b to after a, or mean squared change (which reading noise adds to)."""


@dataclass(frozen=True, slots=True)
class ChangeBin:
    """Mean change among rows of similar belief before."""

    low: float
    high: float
    """Least and greatest belief before."""
    before: float
    """Mean."""
    change: Estimate


def slope(
    changes: Changes,
    estimator: Estimator = "ols",
    *,
    seed: int,
    penalty: Penalty = "none",
    strength: float = 0.0,
    resamples: int = 2000,
) -> Estimate | None:
    """The slope of the change on the belief before; null 0. None where it is not defined.

    It is not where beliefs before do not vary (less their noise), and `iv` and `noise_corrected` need beliefs that were
    read twice: rows read once are left out of them. `ols` S_xy/S_xx; `iv` Cov(Δ, z)/Cov(x, z) for two readings x and z,
    each taken as the other's instrument; `noise_corrected` (S_xy + n s²)/(S_xx − n s²).

    Args:
        changes: At least two.
        estimator: See above.
        seed: Of the bootstrap.
        penalty: `l2` S_xy/(S_xx + strength), `l1` sign(S_xy)·max(0, |S_xy| − strength)/S_xx: ridge and lasso of the
            slope with a free intercept, for few rows.
        strength: Not negative; in units of S_xx (a sum of squares over rows).
        resamples: Draws of the bootstrap.
    """
    rows = changes if estimator == "ols" else changes.subset(np.isfinite(changes.noise))
    if len(rows) < 2:
        return None
    statistic = partial(_slope, estimator, penalty, strength, len(rows))
    return _defined(_columns(rows), rows.clusters, statistic, seed, resamples, "neither", 0.0)


def slope_loss(changes: Changes, how: Objective, *, seed: int, resamples: int = 2000) -> Estimate | None:
    """See `Objective`; lower is better. None where the slope is not defined."""
    rows = changes if how.estimator == "ols" else changes.subset(np.isfinite(changes.noise))
    if len(rows) < 2:
        return None
    gained = rows.before * (1 - rows.before) - rows.after * (1 - rows.after)
    information = gained if how.measure == "reduction" else rows.change**2

    def loss(means: Floats) -> Floats:
        fitted = _slope(how.estimator, how.penalty, how.strength, len(rows), means[:, :-1])
        size = fitted**2 if how.form == "squared" else np.abs(fitted)
        return np.asarray(size - how.coefficient * means[:, -1])

    table = np.column_stack([_columns(rows), information])
    return _defined(table, rows.clusters, loss, seed, resamples, "lower", None)


def intercept(changes: Changes, *, seed: int, resamples: int = 2000) -> Estimate | None:
    """Least-squares change at belief 0: the drift that remains where the slope is 0. Null 0."""

    def at_zero(means: Floats) -> Floats:
        return means[:, 1] - _slope("ols", "none", 0.0, len(changes), means) * means[:, 0]

    return _defined(_columns(changes), changes.clusters, at_zero, seed, resamples, "neither", 0.0)


def fixed_point(changes: Changes, *, seed: int, resamples: int = 2000) -> Estimate | None:
    """The belief at which the fitted change is 0, −intercept/slope; beliefs flow from it where the slope is above 0."""

    def balance(means: Floats) -> Floats:
        fitted = _slope("ols", "none", 0.0, len(changes), means)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(means[:, 0] - means[:, 1] / fitted)

    return _defined(_columns(changes), changes.clusters, balance, seed, resamples, "neither", None)


def logit_slope(changes: Changes, *, seed: int, resamples: int = 2000) -> Estimate | None:
    """The least-squares slope on logits of probabilities clipped to [0.02, 0.98]; null 0."""
    x, y = (logits(column) for column in (changes.before, changes.after))
    on_logits = Changes.of(x, y, changes.clusters, changes.paths)
    return slope(on_logits, seed=seed, resamples=resamples)


def shares(changes: Changes) -> Floats:
    """What each row adds to the least-squares slope: (Δ − mean Δ)(x − mean x)/S_xx; they sum to it.

    ValueError where beliefs before do not vary.
    """
    x = changes.before - changes.before.mean()
    if not np.any(np.abs(x) > 1e-12):
        raise ValueError("beliefs before the change do not vary, so there is no slope to share")
    found: Floats = (changes.change - changes.change.mean()) * x / (x @ x)
    return found


def change_bins(changes: Changes, *, seed: int, bins: int = 5, resamples: int = 2000) -> tuple[ChangeBin, ...]:
    """E[Δ | before] in bins of equal mass, by rising belief; a martingale's are all 0."""
    numbers = bin_numbers(changes.before, bins, "equal_mass") if len(changes) else np.array([], dtype=int)
    found = []
    for number in np.unique(numbers):
        own = changes.subset(numbers == number)
        mean = bootstrap_mean(own.change, own.clusters, seed=seed, resamples=resamples, direction="neither", null=0.0)
        found.append(ChangeBin(float(own.before.min()), float(own.before.max()), float(own.before.mean()), mean))
    return tuple(found)


def logits(probabilities: Floats) -> Floats:
    """ln(p / (1 − p)) of probabilities clipped to [0.02, 0.98]."""
    p = np.clip(probabilities, *LOGIT_CLIP)
    found: Floats = np.log(p / (1 - p))
    return found


def _columns(c: Changes) -> Floats:
    """Columns whose means the slopes are functions of; both beliefs as they are, so that intercepts stay theirs."""
    x, d, f, s = c.before, c.change, c.first, c.second
    return np.column_stack([x, d, x * x, x * d, f, s, f * s, c.after, c.after * f, c.after * s, c.noise])


def _slope(estimator: Estimator, penalty: Penalty, strength: float, n: int, means: Floats) -> Floats:
    x, d, xx, xd, f, s, fs, y, yf, ys, noise = means.T
    if estimator == "iv":
        bottom = fs - f * s
        top = ((yf - y * f) + (ys - y * s)) / 2 - bottom
    else:
        top, bottom = xd - x * d, xx - x * x
        if estimator == "noise_corrected":
            unbiased = n / (n - 1)
            top, bottom = unbiased * top + noise, unbiased * bottom - noise
    if penalty == "l1":
        top = np.sign(top) * np.maximum(0.0, np.abs(top) - strength / n)
    elif penalty == "l2":
        bottom = bottom + strength / n
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.where(bottom > 1e-12, top / bottom, np.nan))


def _defined(
    columns: Floats,
    clusters: Sequence[Hashable],
    statistic: Callable[[Floats], Floats],
    seed: int,
    resamples: int,
    direction: Direction,
    null: float | None,
) -> Estimate | None:
    known = np.where(np.isnan(columns).all(axis=0), 0.0, columns)  # columns of a second reading that nobody took
    found = bootstrap_statistic(
        known, clusters, statistic, seed=seed, resamples=resamples, direction=direction, null=null
    )
    return found if math.isfinite(found.value) else None
