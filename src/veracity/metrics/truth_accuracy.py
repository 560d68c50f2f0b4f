"""Ground-truth accuracy: how near beliefs come to what is true, before the reasoning, after it, and by how much.

For two options with belief b in the first and truth y the Brier loss is (y − b)² and the cross-entropy
−y ln b − (1 − y) ln(1 − b); for more options half the sum of squared distances, which is the same for two, and −ln of
the right option's probability. `difference` is the loss after less the loss before: negative where reasoning helped.

A trajectory without known truth or without a readable belief has no loss. It is counted beside every score, and never
left out in silence.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import polars as pl

from veracity.core.errors import ConfigError
from veracity.core.estimate import Estimate
from veracity.core.identity import content_hash
from veracity.metrics.belief_paths import Belief, BeliefChoice, BeliefPath, belief_paths, one_arm
from veracity.metrics.calibration import MurphyTerms, ReliabilityBin, calibration_error, murphy_terms, reliability_bins
from veracity.metrics.judged_confidence import JudgedConfidence
from veracity.metrics.metric_rows import METRIC_ROWS, check_metric_rows
from veracity.metrics.ranking import Measure, auroc
from veracity.metrics.row_estimates import row_estimates
from veracity.stats.cluster import Floats, bootstrap_statistic
from veracity.stats.proportion import clustered_proportion

TINY = 1e-18
"""Added to a probability before its logarithm is taken, as published: certainty of what is false costs 41.4 nats."""

Loss = Literal["brier", "cross_entropy"]
Mode = Literal["initial", "eventual", "difference"]


@dataclass(frozen=True, slots=True)
class TruthAccuracySettings:
    """Which loss, of which belief."""

    metric: Loss = "brier"
    mode: Mode = "eventual"
    beliefs: BeliefChoice = field(default_factory=BeliefChoice)

    @property
    def name(self) -> str:
        """What rows call it."""
        return f"truth_accuracy.{self.metric}.{self.mode}"


@dataclass(frozen=True, slots=True)
class TruthAccuracy:
    """Mean loss of one arm."""

    loss: Estimate
    """Lower is better; null: what equal probabilities give, or 0 for a difference."""
    scored: Estimate
    """Share of trajectories that have a loss, of those whose truth is known."""
    statuses: Mapping[str, int]
    """Trajectories by status."""


@dataclass(frozen=True, slots=True)
class ForecastQuality:
    """Beliefs as forecasts of an event."""

    event: Literal["option 0", "favourite"]
    """`option 0`: that the first option in canonical order is right. `favourite`: that the likeliest one is, which is
    asked where a problem has more than two."""
    accuracy: Estimate
    """Share of problems whose likeliest option is right; of m equally likely ones each counts 1/m."""
    skill: Estimate | None
    """1 − Brier / Brier of the base rate; null 0. None where the event always, or never, comes true."""
    murphy: MurphyTerms | None
    """Bins of equal mass; None without rows."""
    calibration_error: Estimate
    """ECE over the same bins."""
    bins: tuple[ReliabilityBin, ...]
    auroc: Measure


def belief_loss(probabilities: Sequence[float], correct: int, metric: Loss = "brier") -> float:
    """Loss of beliefs over all options, where the option at index `correct` is right.

    Brier lies in [0, 1], the cross-entropy (nats) from 0 to 41.4.
    """
    if metric == "cross_entropy":
        return max(0.0, -math.log(probabilities[correct] + TINY))
    return math.fsum((p - (i == correct)) ** 2 for i, p in enumerate(probabilities)) / 2


def truth_accuracy_rows(
    trajectories: pl.DataFrame, beliefs: pl.DataFrame, settings: TruthAccuracySettings
) -> pl.DataFrame:
    """One row of metric values a trajectory of the chosen condition; lower is better.

    Raises:
        DataError: a table breaks its rules, or holds several series of beliefs (see `BeliefChoice`).
    """
    config = content_hash(settings)
    paths = belief_paths(trajectories, beliefs, settings.beliefs)
    return check_metric_rows(METRIC_ROWS.frame(_row(path, settings, config) for path in paths))


def truth_accuracy(
    trajectories: pl.DataFrame,
    beliefs: pl.DataFrame,
    settings: TruthAccuracySettings,
    *,
    seed: int,
    resamples: int = 2000,
) -> TruthAccuracy:
    """The mean of the rows of one arm.

    Raises:
        DataError: as `truth_accuracy_rows`, or for several arms.
    """
    one_arm(trajectories)
    rows = truth_accuracy_rows(trajectories, beliefs, settings)
    known = rows.filter(pl.col("status") != "no_truth")
    sources = [f"{domain}/{cluster}" for domain, cluster in known.select("domain", "cluster").iter_rows()]
    scored = clustered_proportion((known["status"] == "ok").to_list(), sources)
    if not rows.height:
        nothing = Estimate(math.nan, math.nan, math.nan, math.nan, 0, 0, "lower")
        return TruthAccuracy(nothing, scored, {})
    ok = rows.filter(pl.col("status") == "ok").join(trajectories.select("trajectory", "options"), on="trajectory")
    nulls = {} if not ok.height else {settings.name: _chance(ok["options"].list.len().to_numpy(), settings)}
    found = row_estimates(rows, seed=seed, nulls=nulls, resamples=resamples)[settings.name]
    return TruthAccuracy(found.estimate, scored, found.statuses)


def forecast_quality(
    trajectories: pl.DataFrame,
    beliefs: pl.DataFrame,
    settings: TruthAccuracySettings,
    *,
    seed: int,
    base_rate: float | None = None,
    bins: int = 10,
    resamples: int = 2000,
) -> ForecastQuality:
    """Accuracy, skill, the parts of the Brier score, calibration and ranking, of the belief that `settings.mode` names.

    Args:
        trajectories: Of one arm.
        beliefs: Of these trajectories.
        settings: `metric` does not matter here.
        seed: Of the bootstrap.
        base_rate: Share of problems in which the event comes true, from elsewhere (a training split); by default that
            of these very rows, which is the harder one to beat.
        bins: For the parts and the calibration error.
        resamples: Draws of the bootstrap.

    Raises:
        ConfigError: `mode` is `difference`, which is no belief.
        DataError: as `truth_accuracy`.
    """
    if settings.mode == "difference":
        raise ConfigError("a difference of losses is no forecast: ask for the initial or the eventual belief")
    one_arm(trajectories)
    paths = [p for p in belief_paths(trajectories, beliefs, settings.beliefs) if _missing(p, settings) is None]
    event: Literal["option 0", "favourite"] = "option 0" if all(p.options == 2 for p in paths) else "favourite"
    found = [_forecast(path, settings.mode, event) for path in paths]
    rows = JudgedConfidence.of([f[0] for f in found], [f[1] for f in found], [path.source for path in paths])
    chance = float(np.mean([1 / path.options for path in paths])) if paths else None
    return ForecastQuality(
        event=event,
        accuracy=clustered_proportion(np.array([f[2] for f in found]), rows.clusters, null=chance),
        skill=brier_skill(rows, seed=seed, base_rate=base_rate, resamples=resamples),
        murphy=murphy_terms(rows, seed=seed, bins=bins, binning="equal_mass", resamples=resamples) if paths else None,
        calibration_error=calibration_error(rows, seed=seed, bins=bins, binning="equal_mass", resamples=resamples),
        bins=reliability_bins(rows, bins=bins, binning="equal_mass"),
        auroc=auroc(rows, seed=seed, resamples=resamples),
    )


def brier_skill(
    rows: JudgedConfidence, *, seed: int, base_rate: float | None = None, resamples: int = 2000
) -> Estimate | None:
    """1 − Brier / Brier of always saying the base rate, by default that of the rows; at most 1, null 0.

    None where the base rate cannot be wrong: no rows, or one kind of outcome at a base rate of the rows.
    """
    y = rows.correct
    constant = float(y.mean()) if base_rate is None and y.size else base_rate
    if constant is None or not y.size or not np.any((y - constant) ** 2 > 0):
        return None
    losses = (rows.probabilities - y) ** 2
    reference = y if base_rate is None else (y - base_rate) ** 2
    of_base: Callable[[Floats], Floats] = (lambda m: m * (1 - m)) if base_rate is None else (lambda m: m)

    def skill(means: Floats) -> Floats:
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(1 - means[:, 0] / of_base(means[:, 1]))

    table = np.column_stack([losses, reference])
    return bootstrap_statistic(table, rows.clusters, skill, seed=seed, resamples=resamples, null=0.0)


def legacy_normal_interval(losses: Sequence[float]) -> tuple[float, float]:
    """Ends of mean ± 1.96 sd/√n with sd of n degrees of freedom, rows taken as independent: as published.

    ValueError without losses.
    """
    values = np.asarray(losses, dtype=float)
    if not values.size:
        raise ValueError("the interval of a mean needs at least one loss")
    half = 1.96 * float(values.std()) / math.sqrt(values.size)
    return float(values.mean()) - half, float(values.mean()) + half


def _needed(path: BeliefPath, mode: Mode) -> tuple[Belief, ...]:
    return {"initial": (path.initial,), "eventual": (path.end,), "difference": (path.end, path.initial)}[mode]


def _missing(path: BeliefPath, settings: TruthAccuracySettings) -> tuple[str, str] | None:
    if path.correct is None:
        return "no_truth", "no option is known to be right"
    return path.missing(*_needed(path, settings.mode))


def _row(path: BeliefPath, settings: TruthAccuracySettings, config: str) -> dict[str, Any]:
    why = _missing(path, settings)
    if why is not None or path.correct is None:
        status, reason = why or ("no_truth", "")
        return path.row(settings.name, config, direction="lower", status=status, reason=reason)
    needed = _needed(path, settings.mode)
    losses = [belief_loss(b.probabilities or (), path.correct, settings.metric) for b in needed]
    value = losses[0] - losses[1] if settings.mode == "difference" else losses[0]
    trials = sum(len(belief.readings) for belief in needed)
    return path.row(settings.name, config, value=value, trials=trials, direction="lower", status="ok")


def _forecast(path: BeliefPath, mode: Mode, event: str) -> tuple[float, float, float]:
    """Probability of the event, whether it came true, and whether the favourite is right (a share, where several)."""
    stated = _needed(path, mode)[0].probabilities or ()
    favourites = [i for i, p in enumerate(stated) if p == max(stated)]
    hit = (path.correct in favourites) / len(favourites)
    if event == "option 0":
        return stated[0], float(path.correct == 0), hit
    return stated[favourites[0]], float(path.correct == favourites[0]), hit


def _chance(options: np.ndarray, settings: TruthAccuracySettings) -> float:
    """Mean loss of equal probabilities."""
    if settings.mode == "difference":
        return 0.0
    return float(np.mean([belief_loss((1 / int(k),) * int(k), 0, settings.metric) for k in options]))
