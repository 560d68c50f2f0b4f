"""The martingale score of trajectories: do changes of belief follow from the belief before them?

The slope, its corrections and its errors are those of `martingale_fit`; this module takes changes from belief paths,
and says what state a measurement is in. A reasoner whom nothing moves has slope 0, so `no_movement` is a state, without
a loss: it is never best. What was moved by reading noise alone has not moved.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, Literal

import numpy as np
import polars as pl

from veracity.core.errors import ConfigError
from veracity.core.estimate import Estimate
from veracity.core.identity import content_hash
from veracity.metrics.belief_movement import STILL, ExcessMovement, Movements, excess_movement
from veracity.metrics.belief_paths import Belief, BeliefChoice, BeliefPath, belief_paths, one_arm
from veracity.metrics.martingale_fit import (
    ChangeBin,
    Changes,
    Estimator,
    Objective,
    Penalty,
    change_bins,
    fixed_point,
    intercept,
    logit_slope,
    shares,
    slope,
    slope_loss,
)
from veracity.metrics.martingale_inference import (
    JointTest,
    SlopeErrors,
    instrumented_joint_test,
    joint_test,
    slope_errors,
)
from veracity.metrics.metric_rows import METRIC_ROWS, check_metric_rows

State = Literal["ok", "no_movement", "insufficient", "constant_prior"]


@dataclass(frozen=True, slots=True)
class MartingaleSettings:
    """Which changes, and what is made of their slope."""

    belief_change_type: Literal["total", "step", "to_go"] = "total"
    """`total`: from the prior to the end, as published. `step`: from each belief to the next. `to_go`: from each to the
    end."""
    sample_granularity: Literal["trajectory", "step"] = "trajectory"
    """`trajectory`: the first change of each. `step`: all of them, pooled over trajectories."""
    estimator: Estimator = "iv"
    """Whose slope the loss is made of; `ols` is the published one, which reading noise biases."""
    regularization_type: Penalty = "none"
    regularization_strength: float = 0.0
    """In units of Σ (x − mean x)²."""
    informative_coef: float = 0.0
    """How much a unit of information takes from the loss; 0: the slope alone."""
    informative_measure: Literal["reduction", "movement"] = "reduction"
    """Information: mean reduction of uncertainty, b_0(1 − b_0) − b_T(1 − b_T), or mean squared change."""
    loss: Literal["squared", "absolute"] = "squared"
    """Of the slope: M² or |M|."""
    minimum: int = 20
    """Fewest trajectories of which a slope is told."""
    bins: int = 5
    beliefs: BeliefChoice = field(default_factory=BeliefChoice)

    def __post_init__(self) -> None:
        if self.belief_change_type == "total" and self.sample_granularity == "step":
            raise ConfigError("a trajectory has one total change: take `to_go` or `step` changes for each of its steps")
        if min(self.regularization_strength, self.informative_coef) < 0 or self.minimum < 3 or self.bins < 1:
            raise ConfigError("strength and coefficient are not negative, minimum is 3 or more, and bins 1 or more")

    @property
    def kind(self) -> str:
        """What rows of its metrics end with."""
        return f"{self.belief_change_type}.{self.sample_granularity}"


@dataclass(frozen=True, slots=True)
class SlopeFit:
    """The least-squares line, and the slope by other estimators; None where one is not defined."""

    ols: Estimate
    iv: Estimate | None
    """By a second reading of the prior; None where it was read once."""
    noise_corrected: Estimate | None
    penalised: Estimate | None
    """The settings' estimator with their penalty; None without one."""
    logit: Estimate | None
    intercept: Estimate | None
    fixed_point: Estimate | None
    errors: SlopeErrors
    joint: JointTest | None
    """Of intercept and slope, by least squares."""
    joint_iv: JointTest | None
    """Of both without reading noise; None where the prior was read once."""
    bins: tuple[ChangeBin, ...]


@dataclass(frozen=True, slots=True)
class Martingale:
    """The martingale score of one arm."""

    state: State
    reason: str
    """Why it is not ok."""
    fit: SlopeFit | None
    """None where there are too few trajectories, or their priors do not vary."""
    loss: Estimate | None
    """Lower is better, 0 is a martingale, less informativeness; None unless ok and the settings' estimator is defined.
    As a function of a slope that has noise it is biased upward."""
    movement: ExcessMovement
    trajectories: int
    """With a change."""
    changes: int
    """Rows of the fit."""
    statuses: Mapping[str, int]
    """All trajectories by status: why some have no change."""


@dataclass(frozen=True, slots=True)
class _Change:
    path: BeliefPath
    before: Belief
    after: Belief


def martingale(
    trajectories: pl.DataFrame,
    beliefs: pl.DataFrame,
    settings: MartingaleSettings,
    *,
    seed: int,
    resamples: int = 2000,
) -> Martingale:
    """The score of one arm.

    Raises:
        DataError: a table breaks its rules, or holds several arms or several series of beliefs.
    """
    one_arm(trajectories)
    paths = belief_paths(trajectories, beliefs, settings.beliefs)
    statuses = dict(sorted(Counter(_status(path, settings)[0] for path in paths).items()))
    found = _changes(paths, settings)
    moved = [path for path in paths if path.missing(*_path_of(path)) is None and path.later]
    movement = excess_movement(_movements(moved), seed=seed, resamples=resamples)
    rows, count = _columns(found), len({change.path.trajectory for change in found})
    state, reason = _state(rows, count, movement, settings)
    fit = None if state in ("insufficient", "constant_prior") else _fit(rows, settings, seed, resamples)
    loss = _loss(rows, settings, seed, resamples) if state == "ok" else None
    return Martingale(state, reason, fit, loss, movement, count, len(rows), statuses)


def martingale_rows(trajectories: pl.DataFrame, beliefs: pl.DataFrame, settings: MartingaleSettings) -> pl.DataFrame:
    """Two rows of metric values a change.

    `martingale.share…` is what the change adds to the least-squares slope; the shares of an arm sum to it. They have no
    better direction. `martingale.weight…` is the size of the share, lower is better; a change of nothing has none
    (`no_movement`), so that a selection by it does not collect trajectories that never moved.

    Raises:
        DataError: as `martingale`.
    """
    one_arm(trajectories)
    config = content_hash(settings)
    paths = belief_paths(trajectories, beliefs, settings.beliefs)
    found = _changes(paths, settings)
    columns = _columns(found)
    count = len({change.path.trajectory for change in found})
    table: list[dict[str, Any]] = []
    for path in paths:
        status, reason = _status(path, settings)
        if status != "ok":
            table += _valueless(path, settings, config, status, reason)
    if count < settings.minimum or np.ptp(columns.before) == 0:
        few = f"{count} trajectories with a change, or priors that do not vary; {settings.minimum} are needed"
        table += [
            r for c in found for r in _valueless(c.path, settings, config, "insufficient", few, _place(c, settings))
        ]
    else:
        table += [
            r for c, s in zip(found, shares(columns), strict=True) for r in _share_rows(c, float(s), settings, config)
        ]
    return check_metric_rows(METRIC_ROWS.frame(table))


def _status(path: BeliefPath, settings: MartingaleSettings) -> tuple[str, str]:
    """`ok` where the path has a change of the kind asked for; with one a trajectory, the first belief must be read."""
    ends = (path.initial, path.later[0] if settings.belief_change_type == "step" and path.later else path.end)
    why = path.missing(*ends)
    if why is not None and settings.sample_granularity == "trajectory":
        return why
    if not any(True for _ in _steps(path, settings)):
        return why or ("no_belief", "nothing follows the prior")
    return "ok", ""


def _steps(path: BeliefPath, settings: MartingaleSettings) -> Iterator[_Change]:
    """All changes of a path of which both beliefs were read."""
    if path.failure is not None or path.options < 2:
        return
    along = path.beliefs
    pairs: Iterable[tuple[Belief, Belief]]
    if settings.belief_change_type == "step":
        pairs = pairwise(along)
    elif settings.belief_change_type == "to_go":
        pairs = ((belief, path.end) for belief in along if belief.step < path.end.step)
    else:
        pairs = [(path.initial, path.end)]
    yield from (_Change(path, b, a) for b, a in pairs if b.status == a.status == "ok")


def _changes(paths: Sequence[BeliefPath], settings: MartingaleSettings) -> list[_Change]:
    found: list[_Change] = []
    for path in paths:
        if _status(path, settings)[0] == "ok":
            own = list(_steps(path, settings))
            found += own if settings.sample_granularity == "step" else own[:1]
    return found


def _columns(found: Sequence[_Change]) -> Changes:
    halves = np.array([change.before.halves for change in found], dtype=float).reshape(-1, 2)
    return Changes(
        before=np.array([c.before.probability for c in found], dtype=float),
        after=np.array([c.after.probability for c in found], dtype=float),
        first=halves[:, 0],
        second=halves[:, 1],
        noise=np.array([c.before.noise for c in found], dtype=float),
        clusters=tuple(c.path.source for c in found),
        paths=tuple(c.path.trajectory for c in found),
    )


def _path_of(path: BeliefPath) -> tuple[Belief, ...]:
    return path.beliefs if path.later else (path.initial, path.end)


def _movements(paths: Sequence[BeliefPath]) -> Movements:
    beliefs = [[belief.probability or 0.0 for belief in path.beliefs] for path in paths]
    noise = [[belief.noise for belief in path.beliefs] for path in paths]
    return Movements.of(beliefs, noise, [path.source for path in paths])


def _state(rows: Changes, count: int, movement: ExcessMovement, settings: MartingaleSettings) -> tuple[State, str]:
    if count < settings.minimum:
        return "insufficient", f"{count} trajectories with a change; at least {settings.minimum} are needed"
    if np.ptp(rows.before) <= STILL:
        return "constant_prior", "all priors are the same, so no slope on them can be fitted"
    if np.abs(rows.change).max() <= STILL:
        return "no_movement", "no belief changed"
    if movement.none:
        return "no_movement", "no movement is shown beyond that of readings of one belief"
    return "ok", ""


def _fit(rows: Changes, settings: MartingaleSettings, seed: int, resamples: int) -> SlopeFit:
    def by(estimator: Estimator, penalty: Penalty = "none") -> Estimate | None:
        strength = settings.regularization_strength
        return slope(rows, estimator, seed=seed, penalty=penalty, strength=strength, resamples=resamples)

    ols = by("ols")
    if ols is None:
        raise ValueError("priors that vary have a least-squares slope")
    kind = settings.regularization_type
    return SlopeFit(
        ols=ols,
        iv=by("iv"),
        noise_corrected=by("noise_corrected"),
        penalised=None if kind == "none" else by(settings.estimator, kind),
        logit=logit_slope(rows, seed=seed, resamples=resamples),
        intercept=intercept(rows, seed=seed, resamples=resamples),
        fixed_point=fixed_point(rows, seed=seed, resamples=resamples),
        errors=slope_errors(rows),
        joint=joint_test(rows),
        joint_iv=instrumented_joint_test(rows),
        bins=change_bins(rows, seed=seed, bins=settings.bins, resamples=resamples),
    )


def _loss(rows: Changes, settings: MartingaleSettings, seed: int, resamples: int) -> Estimate | None:
    how = Objective(
        estimator=settings.estimator,
        penalty=settings.regularization_type,
        strength=settings.regularization_strength,
        form=settings.loss,
        coefficient=settings.informative_coef,
        measure=settings.informative_measure,
    )
    return slope_loss(rows, how, seed=seed, resamples=resamples)


def _place(change: _Change, settings: MartingaleSettings) -> int | None:
    """Step at which a change begins; None where a trajectory has one change."""
    return change.before.step if settings.sample_granularity == "step" else None


def _valueless(
    path: BeliefPath, settings: MartingaleSettings, config: str, status: str, reason: str, step: int | None = None
) -> list[dict[str, Any]]:
    share = path.row(f"martingale.share.{settings.kind}", config, direction="neither", step=step)
    weight = path.row(f"martingale.weight.{settings.kind}", config, direction="lower", step=step)
    return [row | {"status": status, "reason": reason} for row in (share, weight)]


def _share_rows(change: _Change, share: float, settings: MartingaleSettings, config: str) -> list[dict[str, Any]]:
    place = _place(change, settings)
    read = {"trials": len(change.before.readings) + len(change.after.readings)}
    still = abs((change.after.probability or 0.0) - (change.before.probability or 0.0)) <= STILL
    signed, weight = _valueless(change.path, settings, config, "no_movement", "the belief did not change", place)
    ok = read | {"status": "ok", "reason": None}
    return [signed | ok | {"value": share}, weight if still else weight | ok | {"value": abs(share)}]
