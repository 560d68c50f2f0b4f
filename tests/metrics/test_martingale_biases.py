"""Known biases of the martingale slope, drawn at random: that they are there, and that the corrections remove them.

A Bayesian whose priors are Beta(2, 2) (variance 0.05) sees signals that are right in 65 % of cases.
"""

from __future__ import annotations

import numpy as np
import pytest

from veracity.metrics.belief_movement import Movements, excess_movement
from veracity.metrics.belief_paths import deshuffled
from veracity.metrics.martingale_fit import Changes, intercept, slope
from veracity.metrics.martingale_inference import instrumented_joint_test, joint_test
from veracity.stats.cluster import Floats

RIGHT, VARIANCE = 0.65, 0.05


def beliefs(paths: int, signals: int, seed: int = 1) -> Floats:
    """Beliefs of a Bayesian before any signal and after each, (paths, signals + 1)."""
    rng = np.random.default_rng(seed)
    prior = rng.beta(2, 2, paths)
    truth = rng.random(paths) < prior
    up = np.where(rng.random((paths, signals)) < RIGHT, truth[:, None], ~truth[:, None])
    gained = np.cumsum(np.where(up, 1, -1), axis=1) * np.log(RIGHT / (1 - RIGHT))
    return np.column_stack([prior, 1 / (1 + np.exp(-np.log(prior / (1 - prior))[:, None] - gained))])


def fitted(changes: Changes, estimator: str = "ols") -> float:
    found = slope(changes, estimator, seed=1, resamples=2)  # type: ignore[arg-type]
    assert found is not None
    return found.value


def within(x: Floats, change: Floats) -> Floats:
    """Least-squares slopes along the last axis."""
    x = x - x.mean(axis=-1, keepdims=True)
    return np.asarray((x * change).sum(axis=-1) / (x * x).sum(axis=-1))


@pytest.mark.parametrize(
    ("noise", "read"), [(0.0, 0.0), (0.03, -0.018), (0.05, -0.047), (0.10, -0.166), (0.15, -0.310)]
)
def test_noise_of_the_prior_reads_as_over_correction_and_a_second_reading_undoes_it(noise: float, read: float) -> None:
    path, rng = beliefs(200_000, 5), np.random.default_rng(2)
    x, z = (path[:, 0] + rng.normal(0, noise, len(path)) for _ in range(2))
    assert read == pytest.approx(-(noise**2) / (VARIANCE + noise**2), abs=1e-3)
    assert fitted(Changes.of(x, path[:, -1])) == pytest.approx(read, abs=0.005)
    twice = Changes.of(np.column_stack([x, z]), path[:, -1])
    assert abs(fitted(twice, "iv")) < 0.005
    assert abs(fitted(twice, "noise_corrected")) < 0.005


def test_entrenchment_is_found_through_the_noise() -> None:
    """Ends moved on by a tenth of the prior's distance from .5: M = .1, and as much as on the beliefs themselves."""
    path, rng = beliefs(200_000, 5), np.random.default_rng(3)
    after = path[:, -1] + 0.1 * (path[:, 0] - 0.5)
    readings = path[:, :1] + rng.normal(0, 0.1, (len(path), 2))
    assert fitted(Changes.of(readings[:, 0], after)) < -0.05
    exact = fitted(Changes.of(path[:, 0], after))
    assert exact == pytest.approx(0.1, abs=0.008)
    assert fitted(Changes.of(readings, after), "iv") == pytest.approx(exact, abs=0.004)


@pytest.mark.parametrize(("updates", "mean"), [(3, -0.98), (5, -0.71), (10, -0.44), (20, -0.28)])
def test_the_slope_within_one_trajectory_is_no_measure(updates: int, mean: float) -> None:
    """The unit root: a Bayesian's own path always looks over-corrected; pooled over 200 paths it does not."""
    path = beliefs(20_000, updates)
    assert within(path[:, :-1], np.diff(path)).mean() == pytest.approx(mean, abs=0.02)
    some = path[:2_000]
    owner = np.repeat(np.arange(2_000), updates).tolist()
    pooled = Changes.of(some[:, :-1].ravel(), some[:, 1:].ravel(), owner, owner)
    assert abs(fitted(pooled)) < 0.01


@pytest.mark.parametrize(("paths", "mean"), [(5, -0.045), (20, -0.008), (100, -0.001)])
def test_pooled_steps_are_biased_less_the_more_paths_there_are(paths: int, mean: float) -> None:
    path = beliefs(200_000, 5)
    x, change = path[:, :-1].reshape(-1, paths * 5), np.diff(path).reshape(-1, paths * 5)
    assert within(x, change).mean() == pytest.approx(mean, abs=0.003)


def test_shuffled_options_turn_a_drift_into_entrenchment() -> None:
    """A drift of −.05 whose canonical slope is 0, on priors of mean .3 and variance v.

    Shuffled, the line goes through .5: M = E[Δ(x − .5)]/E[(x − .5)²] = .01/(v + .04), .184 for v = .01435.
    """
    rng, n, half = np.random.default_rng(4), 200_000, np.sqrt(3 * 0.01435)
    x = rng.uniform(0.3 - half, 0.3 + half, n)
    after = x - 0.05
    swapped = rng.random(n) < 0.5
    shown, shown_after = np.where(swapped, 1 - x, x), np.where(swapped, 1 - after, after)
    assert fitted(Changes.of(shown, shown_after)) == pytest.approx(0.184, abs=0.003)
    orders = [(1, 0) if s else (0, 1) for s in swapped]
    canonical = Changes.of(deshuffled(shown, orders), deshuffled(shown_after, orders))
    drift = intercept(canonical, seed=1, resamples=2)
    assert abs(fitted(canonical)) < 1e-6 and drift is not None and drift.value == pytest.approx(-0.05)


def test_a_bayesian_moves_as_much_as_it_learns_and_noise_is_subtracted() -> None:
    path, rng = beliefs(20_000, 5), np.random.default_rng(6)
    exact = excess_movement(Movements.of(path.tolist()), seed=1, resamples=50)
    assert exact.ratio is not None and exact.ratio.value == pytest.approx(1, abs=0.02)
    twice = path[..., None] + rng.normal(0, 0.05, (*path.shape, 2))
    noise = twice.var(axis=2, ddof=1) / 2
    read = excess_movement(Movements.of(twice.mean(axis=2).tolist(), noise.tolist()), seed=1, resamples=50)
    assert read.ratio is not None and read.corrected_ratio is not None
    assert read.ratio.value > 1.15 and read.corrected_ratio.value == pytest.approx(1, abs=0.03)


def test_the_interval_of_a_martingale_covers_0_as_often_as_it_says() -> None:
    """60 samples of 200 Bayesians: an interval of 95 % misses 0 in 3 of them, and in more than 8 once in 350 times."""
    missed, slopes = 0, []
    for sample in range(60):
        path = beliefs(200, 5, seed=100 + sample)
        found = slope(Changes.of(path[:, 0], path[:, -1]), seed=1, resamples=300)
        assert found is not None
        missed += not found.ci_low <= 0 <= found.ci_high
        slopes.append(found.value / found.se)
    assert missed <= 8 and abs(np.mean(slopes)) < 0.4


def test_the_joint_test_takes_noise_for_a_slope_and_the_instrumented_one_does_not() -> None:
    """200 samples of 100: at a level of .05 a fair test rejects 10 times, and more than 20 times once in a thousand."""
    rng = np.random.default_rng(7)
    noisy, fair = [], []
    for sample in range(200):
        path = beliefs(100, 5, seed=500 + sample)
        readings = path[:, :1] + rng.normal(0, 0.12, (100, 2))
        by_first, by_both = joint_test(Changes.of(readings[:, 0], path[:, -1])), instrumented_joint_test(
            Changes.of(readings, path[:, -1])
        )  # fmt: skip
        assert by_first is not None and by_both is not None
        noisy.append(by_first.p_value < 0.05)
        fair.append(by_both.p_value < 0.05)
    assert sum(noisy) > 60 and sum(fair) <= 20
    drift = np.clip(beliefs(400, 5)[:, :1] + rng.normal(0, 0.1, (400, 2)), 0, 1)
    found = instrumented_joint_test(Changes.of(drift, beliefs(400, 5)[:, -1] - 0.05))
    assert found is not None and found.p_value < 0.01 and found.freedom == 399
    assert instrumented_joint_test(Changes.of([0.1, 0.4, 0.7, 0.2], [0.2, 0.3, 0.5, 0.1])) is None
