"""The cluster bootstrap against closed forms, its coverage, and the cluster-robust slope by hand."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from veracity.stats.cluster import bootstrap_mean, bootstrap_statistic, cluster_robust_slope


def test_standard_error_is_that_of_cluster_means():
    """Equal clusters: the bootstrap error of the mean is sd(cluster means, population) / sqrt(k)."""
    values = np.random.default_rng(0).normal(size=(50, 4)) + np.random.default_rng(1).normal(size=(50, 1))
    e = bootstrap_mean(values.ravel(), np.repeat(np.arange(50), 4), seed=3, resamples=20_000)
    assert e.value == pytest.approx(values.mean())
    assert e.se == pytest.approx(values.mean(1).std() / math.sqrt(50), rel=0.02)
    assert (e.n, e.clusters) == (200, 50)


def test_same_seed_same_interval_other_seed_other_interval():
    values, names = np.arange(30.0) ** 1.5, np.arange(30) // 2
    first, again, other = (bootstrap_mean(values, names, seed=s) for s in (1, 1, 2))
    assert first == again and first.ci_low != other.ci_low


def test_global_random_state_is_left_alone():
    np.random.seed(5)  # noqa: NPY002
    expected = np.random.RandomState(5).rand()
    bootstrap_mean([1.0, 2.0, 3.0], [0, 1, 2], seed=9)
    assert np.random.rand() == expected  # noqa: NPY002


def test_missing_values_leave_the_mean_and_the_count():
    e = bootstrap_mean([1.0, math.nan, 3.0, math.nan], ["a", "b", "c", "d"], seed=0)
    assert (e.value, e.n, e.clusters) == (2.0, 2, 2)
    assert bootstrap_mean([math.nan], ["a"], seed=0).n == 0 and bootstrap_mean([], [], seed=0).n == 0


def test_one_cluster_has_a_value_but_no_interval():
    e = bootstrap_mean([1.0, 2.0], ["a", "a"], seed=0)
    assert e.value == 1.5 and math.isnan(e.ci_low) and e.clusters == 1


def test_ratio_keeps_columns_paired():
    """y is exactly half of x in every row, so every draw's ratio of means is .5 and the interval has no width."""
    x = np.random.default_rng(2).random(40) + 1
    ratio = bootstrap_statistic(np.column_stack([x / 2, x]), np.arange(40), lambda m: m[:, 0] / m[:, 1], seed=0)
    assert ratio.ci_low == pytest.approx(0.5) and ratio.ci_high == pytest.approx(0.5)


def test_a_ratio_to_zero_has_no_interval():
    zeros = bootstrap_statistic(
        np.column_stack([np.ones(9), np.zeros(9)]),
        np.arange(9),
        lambda m: np.divide(m[:, 0], m[:, 1], out=np.full(len(m), np.nan), where=m[:, 1] > 0),
        seed=0,
    )
    assert math.isnan(zeros.value) and math.isnan(zeros.ci_low) and zeros.n == 9


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(-50, 50), min_size=4, max_size=20), st.integers(-100, 100))
def test_a_shift_of_all_values_shifts_the_interval(values, shift):
    names = [i // 2 for i in range(len(values))]
    a = bootstrap_mean(values, names, seed=4, resamples=200)
    b = bootstrap_mean([v + shift for v in values], names, seed=4, resamples=200)
    assert b.ci_low == pytest.approx(a.ci_low + shift, abs=1e-9)
    assert b.ci_high == pytest.approx(a.ci_high + shift, abs=1e-9) and b.se == pytest.approx(a.se, abs=1e-9)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(-10, 10), min_size=4, max_size=20))
def test_the_interval_holds_the_value(values):
    e = bootstrap_mean(values, list(range(len(values))), seed=4, resamples=400)
    assert e.ci_low - 1e-9 <= e.value <= e.ci_high + 1e-9


def test_coverage_of_the_mean():
    """40 clusters of 1 to 6 skewed rows with a shared part; truth 2. 600 simulations: error .9 points."""
    generator = np.random.default_rng(8)
    inside = 0
    for i in range(600):
        names = np.repeat(np.arange(40), generator.integers(1, 7, 40))
        values = generator.gamma(2, 0.5, 40)[names] + generator.normal(1, 1, names.size)
        e = bootstrap_mean(values, names, seed=i, resamples=600)
        inside += e.ci_low <= 2 <= e.ci_high
    assert 0.94 - 0.018 <= inside / 600 <= 0.96 + 0.018


def test_slope_by_hand():
    """Two points a cluster. x = 0, 1 in each; y = (0, 1), (0, 3), (0, 2): slope = 2, intercept 0.

    CR1 by hand: X'X = [[6, 3], [3, 3]], inverse [[1/3, -1/3], [-1/3, 2/3]]; residuals 0 at x = 0 and (-1, 1, 0)
    at x = 1, so cluster scores are (-1, -1), (1, 1), (0, 0); meat [[2, 2], [2, 2]]; the slope's entry of the
    sandwich is ((-1/3 + 2/3))² · 2 = 2/9; correction (3/2)·(5/4) = 15/8; variance 5/12.
    """
    e = cluster_robust_slope([0, 1] * 3, [0, 1, 0, 3, 0, 2], ["a", "a", "b", "b", "c", "c"])
    assert e.value == pytest.approx(2)
    assert e.se == pytest.approx(math.sqrt(5 / 12))
    assert e.ci_high - e.value == pytest.approx(4.302653 * e.se, rel=1e-6)
    assert (e.n, e.clusters, e.null) == (6, 3, 0.0)


def test_slope_bad_input():
    with pytest.raises(ValueError, match="two different values of x"):
        cluster_robust_slope([1, 1], [0, 1], ["a", "b"])
    with pytest.raises(ValueError, match="2 rows but 1 cluster"):
        cluster_robust_slope([1, 2], [0, 1], ["a"])
    assert math.isnan(cluster_robust_slope([1, 2], [0, 1], ["a", "a"]).se)
