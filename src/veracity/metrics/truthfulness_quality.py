"""Is a truthfulness model fit to be a reward? How it ranks held-out claims, and how calibrated it is, by temperature.

Of the held-out claims, one half (no cluster in both) fits the temperature, the other is measured on, before and after.
Give claims in the shares that they come in, not in the ratio of the training data: a model trained on two true claims
for each false one thinks two in three true, and where more are, its log-odds are too low throughout. The calibration
error shows that; a temperature, which only stretches log-odds, cannot undo it. As a reward it changes no order.
"""

from __future__ import annotations

from dataclasses import dataclass

from veracity.core.estimate import Estimate
from veracity.metrics.calibration import calibration_error, negative_log_likelihood
from veracity.metrics.judged_confidence import JudgedConfidence
from veracity.metrics.ranking import Measure, auroc
from veracity.metrics.temperature import Temperature, scale_on_held_out
from veracity.stats.proportion import clustered_proportion


@dataclass(frozen=True, slots=True)
class Calibrated:
    """How far probabilities are from what they say."""

    ece: Estimate
    """Ten bins of equal mass; `null` is what perfectly calibrated probabilities would show."""
    negative_log_likelihood: Estimate


@dataclass(frozen=True, slots=True)
class TruthfulnessQuality:
    """What is known of one truthfulness model; all on claims that no temperature was fitted on."""

    auroc: Measure
    """Chance .5; the temperature does not change it."""
    true: Estimate
    """Share of true claims."""
    before: Calibrated
    after: Calibrated | None
    """With the temperature; None without one."""
    temperature: Temperature

    @property
    def ranks(self) -> bool:
        """Whether it tells true from false claims: the whole interval of AUROC above chance."""
        return self.auroc.estimate is not None and self.auroc.estimate.ci_low > 0.5


def truthfulness_quality(rows: JudgedConfidence, *, seed: int, resamples: int = 2000) -> TruthfulnessQuality:
    """Quality from P_true and truth of held-out claims, clustered by source item.

    ValueError for confidences outside [0, 1].
    """
    scaled = scale_on_held_out(rows, seed=seed)
    measured = scaled.before
    return TruthfulnessQuality(
        auroc(measured, seed=seed, resamples=resamples),
        clustered_proportion(measured.correct, list(measured.clusters), direction="neither"),
        _calibrated(measured, seed, resamples),
        None if scaled.after is None else _calibrated(scaled.after, seed, resamples),
        scaled.temperature,
    )


def _calibrated(rows: JudgedConfidence, seed: int, resamples: int) -> Calibrated:
    return Calibrated(
        calibration_error(rows, seed=seed, binning="equal_mass", resamples=resamples),
        negative_log_likelihood(rows, seed=seed, resamples=resamples),
    )
