"""The martingale score by hand: line, shares, movement, states, settings, and what is refused."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from belief_tables import Read, tables
from hypothesis import given
from hypothesis import strategies as st

from veracity.core.errors import ConfigError
from veracity.metrics.belief_movement import Movements, excess_movement
from veracity.metrics.belief_paths import BeliefChoice, deshuffled
from veracity.metrics.martingale import MartingaleSettings, martingale, martingale_rows
from veracity.metrics.martingale_fit import (
    Changes,
    Objective,
    change_bins,
    fixed_point,
    intercept,
    logit_slope,
    shares,
    slope,
    slope_loss,
)
from veracity.metrics.martingale_inference import joint_test, slope_errors
from veracity.metrics.martingale_power import (
    SlopeSpread,
    detectable_slope,
    power_sentence,
    required_trajectories,
    slope_standard_error,
)

PRIOR, POST = [0.2, 0.4, 0.6, 0.8], [0.1, 0.4, 0.7, 0.9]
FOUR = Changes.of(PRIOR, POST)


def value(found: object) -> float:
    assert found is not None
    return float(found.value)  # type: ignore[attr-defined]


def test_the_line_of_four_trajectories() -> None:
    """x − mean −.3, −.1, .1, .3; S_xx .2; changes −.1, 0, .1, .1 of mean .025: S_xy = .03 + 0 + .01 + .03 = .07."""
    assert value(slope(FOUR, seed=1)) == pytest.approx(0.35)
    assert value(intercept(FOUR, seed=1)) == pytest.approx(-0.15)
    assert value(fixed_point(FOUR, seed=1)) == pytest.approx(0.4286, abs=5e-5)
    errors = slope_errors(FOUR)
    assert errors.classic == pytest.approx(0.0866, abs=5e-5) and errors.hc3 == pytest.approx(0.1827, abs=5e-5)
    assert shares(FOUR) == pytest.approx([0.1875, 0.0125, 0.0375, 0.1125])
    movement = excess_movement(Movements.of([list(pair) for pair in zip(PRIOR, POST, strict=True)]), seed=1)
    assert movement.movement.value == pytest.approx(0.0075) and movement.reduction.value == pytest.approx(0.0425)
    assert value(movement.ratio) == pytest.approx(0.1765, abs=5e-5) and movement.ratio and movement.ratio.null == 1
    assert not movement.none and movement.corrected_ratio is None


def test_errors_by_trajectory_and_by_source() -> None:
    """Each row twice: independent, the error shrinks by about √2; of one source, it stays that of four rows."""
    once, twice = slope_errors(FOUR), Changes.of(PRIOR * 2, POST * 2, [0, 1, 2, 3] * 2, list(range(8)))
    errors = slope_errors(twice)
    scale = math.sqrt(4 / 3 * 3 / 2 / (4 / 3 * 7 / 6))  # CR1: G/(G − 1)·(n − 1)/(n − k), of 4 rows and of 8
    assert errors.by_source * scale == pytest.approx(once.by_source)
    assert errors.by_trajectory < 0.8 * errors.by_source and errors.classic < once.classic / 1.3


@given(st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1)), min_size=4, max_size=30))
def test_swapping_the_options_of_all_items_turns_the_line_round(pairs: list[tuple[float, float]]) -> None:
    """M stays and the intercept a becomes −(a + M); shares add up to M, whatever the order of rows."""
    x, y = np.array(pairs).T
    if np.var(x) < 1e-4:
        return
    plain, turned = Changes.of(x, y), Changes.of(1 - x, 1 - y)
    m, a = value(slope(plain, seed=1, resamples=2)), value(intercept(plain, seed=1, resamples=2))
    assert value(slope(turned, seed=1, resamples=2)) == pytest.approx(m, abs=1e-6)
    assert value(intercept(turned, seed=1, resamples=2)) == pytest.approx(-(a + m), abs=1e-6)
    assert shares(plain).sum() == pytest.approx(m, abs=1e-6)
    assert sorted(shares(Changes.of(x[::-1], y[::-1]))) == pytest.approx(sorted(shares(plain)), abs=1e-9)


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=20))
def test_deshuffling_undoes_a_random_half(items: list[tuple[float, bool]]) -> None:
    orders = [(1, 0) if swapped else (0, 1) for _, swapped in items]
    shown = np.array([1 - p if swapped else p for p, swapped in items])
    assert deshuffled(shown, orders) == pytest.approx([p for p, _ in items])
    with pytest.raises(ValueError, match="order"):
        deshuffled(shown, [(0, 0) for _ in items])


def test_penalties_by_hand() -> None:
    """S_xx .2 and S_xy .07: ridge .07/(.2 + .15) = .2, lasso (.07 − .03)/.2 = .2, and 0 from .07 on."""
    assert value(slope(FOUR, seed=1, penalty="l2", strength=0.15)) == pytest.approx(0.2)
    assert value(slope(FOUR, seed=1, penalty="l1", strength=0.03)) == pytest.approx(0.2)
    assert value(slope(FOUR, seed=1, penalty="l1", strength=0.08)) == 0
    ridge = slope(FOUR, "iv", seed=1, penalty="l2", strength=0.15)
    assert ridge is None  # nothing was read twice


def test_the_loss_and_its_information() -> None:
    """M² = .1225; J by reduction .0425, by movement .0075: with coefficient 2, .0375 and .1075."""
    of = lambda **changes: value(slope_loss(FOUR, Objective("ols", **changes), seed=1))  # noqa: E731
    assert of() == pytest.approx(0.1225) and of(form="absolute") == pytest.approx(0.35)
    assert of(coefficient=2.0) == pytest.approx(0.0375)
    assert of(coefficient=2.0, measure="movement") == pytest.approx(0.1075)


def test_a_second_reading_by_hand() -> None:
    """Readings x and z of four priors, each moved to y; iv is (Cov(y, x) + Cov(y, z))/(2 Cov(x, z)) − 1.

    Noise of their mean (x − z)²/4 = .0025 each; V of the means .05·4/3, covariance with the change .0175·4/3:
    (.0175·4/3 + .0025)/(.05·4/3 − .0025) = .40260.
    """
    error = np.array([0.05, -0.05, -0.05, 0.05])
    x, z = np.array(PRIOR) + error, np.array(PRIOR) - error
    twice = Changes.of(np.column_stack([x, z]), POST)
    cov = lambda a, b: np.cov(a, b)[0, 1]  # noqa: E731
    assert twice.before == pytest.approx(PRIOR) and twice.noise == pytest.approx([0.0025] * 4)
    assert value(slope(twice, seed=1)) == pytest.approx(0.35)
    both = (cov(POST, x) + cov(POST, z)) / 2 / cov(x, z) - 1
    assert value(slope(twice, "iv", seed=1)) == pytest.approx(both)
    assert value(slope(twice, "noise_corrected", seed=1)) == pytest.approx(0.40260, abs=5e-6)


def test_bins_and_logits() -> None:
    bins = change_bins(FOUR, seed=1, bins=2)
    assert [b.change.value for b in bins] == pytest.approx([-0.05, 0.1])
    assert [(b.low, b.high) for b in bins] == [(0.2, 0.4), (0.6, 0.8)]
    edge = Changes.of([0.0, 1.0], [0.0, 1.0])
    assert value(logit_slope(edge, seed=1)) == 0
    x = np.array([0.2, 0.4, 0.6, 0.8])
    odds = (x / (1 - x)) ** 1.5
    assert value(logit_slope(Changes.of(x, odds / (1 + odds)), seed=1)) == pytest.approx(0.5)


def test_the_joint_test_sees_a_drift_that_the_slope_does_not() -> None:
    rng = np.random.default_rng(5)
    x = rng.uniform(0.2, 0.8, 200)
    still, drift = (Changes.of(x, x + d + rng.normal(0, 0.05, 200)) for d in (0.0, -0.05))
    fair, moved = joint_test(still), joint_test(drift)
    assert fair is not None and moved is not None and moved.p_value < 1e-6 < 0.05 < fair.p_value
    assert moved.freedom == 199 and joint_test(Changes.of([0.1, 0.4], [0.2, 0.3])) is None


def test_power_before_a_run() -> None:
    assert (required_trajectories(0.08), required_trajectories(0.03)) == (571, 4055)
    assert detectable_slope(571) == pytest.approx(0.08, abs=1e-4)
    assert slope_standard_error(100) == pytest.approx(0.15 / 0.22 / 10)
    assert required_trajectories(0.08, SlopeSpread(design=2)) == 1141
    assert "571 for 0.08 and 4,055 for 0.03" in power_sentence(500)
    with pytest.raises(ValueError, match="slope of 0"):
        required_trajectories(0.0)


# --- from tables ------------------------------------------------------------------------------------------------------


def drawn(count: int, seed: int = 4, noise: float = 0.0) -> dict[str, list[Read]]:
    """Paths of three beliefs of a Bayesian, each belief read twice."""
    rng = np.random.default_rng(seed)
    path = [rng.beta(2, 2, count)]
    truth = rng.random(count) < path[0]
    for _ in range(2):
        up = rng.random(count) < np.where(truth, 0.65, 0.35)
        odds = path[-1] / (1 - path[-1]) * np.where(up, 0.65 / 0.35, 0.35 / 0.65)
        path.append(odds / (1 + odds))
    twice = np.clip(np.array(path)[..., None] + rng.normal(0, noise, (3, count, 2)) * (noise > 0), 0, 1)
    return {f"i{i}": [twice[t, i].tolist() for t in range(3)] for i in range(count)}


def test_tables_give_the_same_as_arrays_and_rows_sum_to_the_slope() -> None:
    made = tables(drawn(120))
    found = martingale(*made, MartingaleSettings(), seed=1, resamples=200)
    assert (found.state, found.trajectories, found.changes) == ("ok", 120, 120) and found.fit and found.loss
    x, y = ([np.mean(path[t]) for path in drawn(120).values()] for t in (0, 2))
    assert found.fit.ols.value == pytest.approx(value(slope(Changes.of(x, y), seed=1)))
    assert found.fit.ols.ci_low < 0 < found.fit.ols.ci_high
    rows = martingale_rows(*made, MartingaleSettings())
    signed = rows.filter(pl.col("metric") == "martingale.share.total.trajectory")
    assert signed["value"].sum() == pytest.approx(found.fit.ols.value) and set(signed["direction"]) == {"neither"}
    weight = rows.filter(pl.col("metric") == "martingale.weight.total.trajectory")
    moved = weight["status"] == "ok"
    assert weight["value"].drop_nulls().to_list() == pytest.approx(signed["value"].abs().filter(moved).to_list())
    assert set(weight.filter(~moved)["status"]) == {"no_movement"}  # one signal for, one against
    assert set(weight["direction"]) == {"lower"} and found.loss.direction == "lower"


def test_steps_are_pooled_and_to_go_ends_at_the_end() -> None:
    made = tables(drawn(60))
    steps = MartingaleSettings("step", "step")
    found = martingale(*made, steps, seed=1, resamples=100)
    assert (found.trajectories, found.changes) == (60, 120) and found.fit
    assert found.fit.ols.clusters == 60 and found.fit.errors.by_trajectory == pytest.approx(found.fit.errors.by_source)
    assert martingale_rows(*made, steps).filter(pl.col("direction") == "neither")["value"].sum() == pytest.approx(
        found.fit.ols.value
    )
    go = martingale(*made, MartingaleSettings("to_go", "trajectory"), seed=1, resamples=100)
    total = martingale(*made, MartingaleSettings(), seed=1, resamples=100)
    assert go.fit and total.fit and go.fit.ols == total.fit.ols
    with pytest.raises(ConfigError, match="one total change"):
        MartingaleSettings("total", "step")


def test_who_never_moves_has_a_state_and_no_loss() -> None:
    """M = 0 and J = 0, X undefined."""
    priors = np.linspace(0.1, 0.9, 30)
    made = tables({f"i{i}": [float(p), float(p)] for i, p in enumerate(priors)})
    found = martingale(*made, MartingaleSettings(estimator="ols"), seed=1, resamples=100)
    assert found.state == "no_movement" and found.loss is None
    assert found.fit and found.fit.ols.value == 0 and found.movement.reduction.value == 0
    assert found.movement.ratio is None and found.movement.movement.value == 0
    assert found.fit.joint is None and found.fit.joint_iv is None  # there is nothing to test
    rows = martingale_rows(*made, MartingaleSettings())
    assert set(rows.filter(pl.col("direction") == "lower")["status"]) == {"no_movement"}


def test_who_moves_by_reading_noise_alone_has_not_moved() -> None:
    rng = np.random.default_rng(8)
    priors = rng.uniform(0.3, 0.7, 200)
    paths: dict[str, list[Read]] = {
        f"i{i}": [(p + rng.normal(0, 0.05, 2)).tolist(), (p + rng.normal(0, 0.05, 2)).tolist()]
        for i, p in enumerate(priors)
    }
    found = martingale(*tables(paths), MartingaleSettings(), seed=1, resamples=400)
    assert found.state == "no_movement" and "readings of one belief" in found.reason and found.loss is None
    assert found.fit and found.fit.ols.ci_high < 0  # what a reader of noise would call over-correction
    assert found.fit.iv and found.fit.iv.ci_low < 0 < found.fit.iv.ci_high
    moved = martingale(*tables(drawn(200, noise=0.05)), MartingaleSettings(), seed=1, resamples=400)
    assert moved.state == "ok" and moved.movement.corrected_ratio is not None and moved.movement.ratio is not None
    assert moved.movement.corrected_ratio.ci_low < 1 < moved.movement.corrected_ratio.ci_high
    assert moved.movement.ratio.value > moved.movement.corrected_ratio.value


def test_too_few_and_constant_priors_are_states_and_not_numbers() -> None:
    few = martingale(*tables(drawn(19)), MartingaleSettings(), seed=1, resamples=50)
    assert few.state == "insufficient" and few.fit is None and few.loss is None
    assert set(martingale_rows(*tables(drawn(19)), MartingaleSettings())["status"]) == {"insufficient"}
    flat: dict[str, list[Read]] = {f"i{i}": [0.5, 0.3 + i / 100] for i in range(30)}
    assert martingale(*tables(flat), MartingaleSettings(), seed=1, resamples=50).state == "constant_prior"
    single = martingale(*tables({k: [0.4, v[2]] for k, v in drawn(30).items()} | {"x": ["refused", 0.4]}),
                        MartingaleSettings(), seed=1, resamples=50)  # fmt: skip
    assert single.statuses == {"ok": 30, "refused": 1} and single.trajectories == 30


def test_a_loss_needs_the_estimator_that_it_is_made_of() -> None:
    once: dict[str, list[Read]] = {name: [p[0] for p in path] for name, path in drawn(60).items()}  # type: ignore[index, misc]
    by_iv = martingale(*tables(once), MartingaleSettings(), seed=1, resamples=50)
    assert by_iv.state == "ok" and by_iv.loss is None and by_iv.fit and by_iv.fit.iv is None
    assert martingale(*tables(once), MartingaleSettings(estimator="ols"), seed=1, resamples=50).loss is not None


def test_the_order_of_rows_and_other_series_change_nothing() -> None:
    made = tables(drawn(40))
    shuffled = [frame.sample(fraction=1, shuffle=True, seed=3) for frame in made]
    plain, other = (martingale(*pair, MartingaleSettings(), seed=1, resamples=50) for pair in (made, shuffled))  # type: ignore[misc]
    assert plain.fit and other.fit and plain.fit.iv and other.fit.iv
    assert other.fit.iv.value == pytest.approx(plain.fit.iv.value)
    assert other.movement.movement.value == pytest.approx(plain.movement.movement.value)
    seen = made[1].with_columns(view=pl.lit("hindsight"), probability=pl.lit(0.5), probabilities=[0.5, 0.5])
    both = pl.concat([made[1], seen.select(made[1].columns)])
    assert martingale(made[0], both, MartingaleSettings(), seed=1, resamples=50).fit == plain.fit
    told = MartingaleSettings(beliefs=BeliefChoice(view="hindsight"))
    assert martingale(made[0], both, told, seed=1, resamples=50).state == "constant_prior"
