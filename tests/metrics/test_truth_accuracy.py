"""Ground-truth accuracy by hand: losses, their difference, states, skill, the parts of Brier, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from belief_tables import readings, tables, trajectory
from hypothesis import given
from hypothesis import strategies as st

from veracity.core.errors import ConfigError, DataError
from veracity.metrics.belief_paths import BeliefChoice
from veracity.metrics.belief_rows import BELIEFS
from veracity.metrics.judged_confidence import JudgedConfidence
from veracity.metrics.trajectory_rows import TRAJECTORIES
from veracity.metrics.truth_accuracy import (
    TruthAccuracySettings,
    belief_loss,
    brier_skill,
    forecast_quality,
    legacy_normal_interval,
    truth_accuracy,
    truth_accuracy_rows,
)

CHANCE = st.floats(0, 1, allow_subnormal=False)


def test_the_losses_of_one_belief() -> None:
    assert belief_loss((0.75, 0.25), 0) == 0.0625 and belief_loss((0.75, 0.25), 1) == 0.5625
    assert belief_loss((0.75, 0.25), 0, "cross_entropy") == pytest.approx(0.2877, abs=5e-5)
    assert belief_loss((0.75, 0.25), 1, "cross_entropy") == pytest.approx(1.3863, abs=5e-5)
    assert belief_loss((0.5, 0.5), 0) == 0.25
    assert belief_loss((0.5, 0.5), 1, "cross_entropy") == pytest.approx(0.6931, abs=5e-5)
    assert belief_loss((1.0, 0.0), 1, "cross_entropy") == pytest.approx(-math.log(1e-18))
    assert belief_loss((0.5, 0.3, 0.2), 1) == pytest.approx((0.25 + 0.49 + 0.04) / 2)


@given(CHANCE, st.integers(0, 1))
def test_losses_are_bounded_and_indifferent_to_the_order_of_options(p: float, correct: int) -> None:
    for metric, most in (("brier", 1.0), ("cross_entropy", 41.5)):
        loss = belief_loss((p, 1 - p), correct, metric)  # type: ignore[arg-type]
        assert 0 <= loss <= most
        assert loss == pytest.approx(belief_loss((1 - p, p), 1 - correct, metric))  # type: ignore[arg-type]


@given(CHANCE, CHANCE)
def test_honesty_is_the_best_forecast(truth: float, said: float) -> None:
    """The expected Brier loss under a true probability is least where that is said."""

    def expected(p: float) -> float:
        return truth * belief_loss((p, 1 - p), 0) + (1 - truth) * belief_loss((p, 1 - p), 1)

    assert expected(truth) <= expected(said) + 1e-12


def test_rows_and_means_by_hand() -> None:
    """Beliefs (two readings averaged) .5 → .75 with option 0 right, .4 → .1 with option 1 right.

    Brier before .25 and .16, after .0625 and .01: eventual mean .03625, difference (−.1875 − .15)/2 = −.16875.
    """
    made = tables({"p": [0.5, [0.7, 0.8]], "q": [0.4, [0.1, 0.1]]}, correct=[0, 1])
    rows = truth_accuracy_rows(*made, TruthAccuracySettings())
    assert rows["value"].to_list() == pytest.approx([0.0625, 0.01]) and rows["trials"].to_list() == [2, 2]
    assert set(rows["metric"]) == {"truth_accuracy.brier.eventual"} and set(rows["direction"]) == {"lower"}
    assert rows["judge"].to_list() == ["j", "j"] and rows["trajectory"].to_list() == ["p", "q"]
    found = truth_accuracy(*made, TruthAccuracySettings(mode="difference"), seed=1)
    assert found.loss.value == pytest.approx(-0.16875) and found.loss.null == 0
    found = truth_accuracy(*made, TruthAccuracySettings("cross_entropy", "initial"), seed=1)
    assert found.loss.value == pytest.approx((math.log(2) - math.log(0.6)) / 2)
    assert found.loss.null == pytest.approx(math.log(2)) and (found.loss.n, found.loss.direction) == (2, "lower")


def test_what_has_no_loss_is_counted_by_its_reason() -> None:
    given_rows = [
        trajectory("ok"), trajectory("open", correct=None), trajectory("mute"), trajectory("prose"),
        trajectory("lost", status="request_failed", reason="timed out"), trajectory("free", options=[], correct=None),
        trajectory("short"), trajectory("other", condition="u0"),
    ]  # fmt: skip
    paths = {"ok": [0.5, 0.8], "open": [0.5, 0.5], "mute": [0.5, ["refused", "refused", "parse_failed"]]}
    paths |= {"prose": [0.4, "parse_failed"], "short": [], "other": [0.1, 0.1]}
    said = [r for row in given_rows for r in readings(row, paths.get(row["trajectory"], []))]
    made = TRAJECTORIES.frame(given_rows), BELIEFS.frame(said)
    found = truth_accuracy(*made, TruthAccuracySettings(), seed=1)
    wanted = {"no_belief": 1, "no_truth": 2, "ok": 1, "parse_failed": 1, "refused": 1, "request_failed": 1}
    assert found.statuses == wanted and found.loss.n == 1
    assert found.scored.value == pytest.approx(1 / 5)
    rows = truth_accuracy_rows(*made, TruthAccuracySettings())
    assert "1 parse_failed, 2 refused" in rows.filter(pl.col("item") == "mute")["reason"][0]


def test_skill_by_hand() -> None:
    """Truths 1, 1, 0, 0 (base Brier .25); beliefs .8, .6, .4, .2: losses .04, .16, .16, .04, mean .1: skill .6.

    Against a base rate of .8 from elsewhere: base losses .04, .04, .64, .64, mean .34: skill 1 − .1/.34.
    """
    rows = JudgedConfidence.of([0.8, 0.6, 0.4, 0.2], [1, 1, 0, 0])
    found = brier_skill(rows, seed=1)
    assert found is not None and found.value == pytest.approx(0.6) and found.null == 0
    other = brier_skill(rows, seed=1, base_rate=0.8)
    assert other is not None and other.value == pytest.approx(1 - 0.1 / 0.34)
    assert brier_skill(JudgedConfidence.of([0.8, 0.6], [1, 1]), seed=1) is None


def test_forecasts_and_the_parts_of_their_brier_score() -> None:
    rng = np.random.default_rng(3)
    p = rng.uniform(0.05, 0.95, 400).round(2)
    correct = (rng.random(400) >= p).astype(int)
    made = tables({f"i{i}": [0.5, float(b)] for i, b in enumerate(p)}, correct=correct.tolist())
    settings = TruthAccuracySettings()
    found = forecast_quality(*made, settings, seed=1, resamples=200)
    parts = found.murphy
    assert parts is not None and found.event == "option 0" and found.auroc.estimate is not None
    total = parts.reliability.value - parts.resolution.value + parts.uncertainty.value
    total += parts.within_variance.value - 2 * parts.within_covariance.value
    assert total == pytest.approx(truth_accuracy(*made, settings, seed=1, resamples=200).loss.value)
    assert found.skill is not None and found.skill.ci_low > 0 and found.auroc.estimate.ci_low > 0.7
    assert found.accuracy.null == 0.5 and found.calibration_error.value < 0.1 and len(found.bins) == 10
    initial = forecast_quality(*made, TruthAccuracySettings(mode="initial"), seed=1, resamples=200)
    assert initial.accuracy.value == 0.5  # who favours neither is half right
    with pytest.raises(ConfigError, match="no forecast"):
        forecast_quality(*made, TruthAccuracySettings(mode="difference"), seed=1)


def test_the_published_interval_takes_rows_as_independent() -> None:
    low, high = legacy_normal_interval([0.0, 0.5])
    assert (low, high) == pytest.approx((0.25 - 1.96 * 0.25 / math.sqrt(2), 0.25 + 1.96 * 0.25 / math.sqrt(2)))


def test_a_prior_is_of_the_kind_that_was_chosen() -> None:
    row = trajectory("p")
    own = {"step": 0, "last": False, "prior": "policy_prior", "judge": "policy"}
    said = [*readings(row, [0.5, 0.9]), *readings(row, [0.25], **own)]
    made = TRAJECTORIES.frame([row]), BELIEFS.frame(said)
    first = truth_accuracy_rows(*made, TruthAccuracySettings(mode="initial"))
    asked = truth_accuracy_rows(*made, TruthAccuracySettings(mode="initial", beliefs=BeliefChoice("policy_prior")))
    assert first["value"].to_list() == [0.25] and asked["value"].to_list() == [0.5625]


def test_several_series_and_options_in_two_orders_are_refused() -> None:
    row = trajectory("p")
    said = [*readings(row, [0.5, 0.9]), *readings(row, [0.5, 0.7], judge="k")]
    made = TRAJECTORIES.frame([row]), BELIEFS.frame(said)
    with pytest.raises(DataError, match="several series"):
        truth_accuracy_rows(*made, TruthAccuracySettings())
    chosen = TruthAccuracySettings(beliefs=BeliefChoice(judge="k"))
    assert truth_accuracy_rows(*made, chosen)["value"].to_list() == pytest.approx([0.09])
    turned = trajectory("q", item="p", options=["no", "yes"], order=[1, 0], replicate=1)
    with pytest.raises(DataError, match="several orders"):
        truth_accuracy_rows(TRAJECTORIES.frame([row, turned]), made[1], chosen)
    with pytest.raises(DataError, match="choose one"):
        truth_accuracy(TRAJECTORIES.frame([row, trajectory("r", arm="b")]), made[1], chosen, seed=1)
