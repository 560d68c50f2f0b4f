"""Agreement: published examples, SciPy's own values, and simulated measurements of known reliability."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as distributions

from veracity.stats.agreement import bland_altman, icc_agreement, icc_retest, kendall_tau, split_half

SHROUT_FLEISS = np.array([[9.0, 2, 5, 8], [6, 1, 3, 2], [8, 4, 6, 8], [7, 1, 2, 6], [10, 5, 6, 9], [6, 2, 4, 7]])
"""The example of the paper: six subjects, four judges."""


def test_the_example_of_shrout_and_fleiss() -> None:
    """Published: ICC(1,1) = 0.17 and ICC(2,1) = 0.29."""
    assert icc_agreement(SHROUT_FLEISS, range(6), seed=0, resamples=20).value == pytest.approx(0.2898, abs=5e-4)
    assert icc_retest(SHROUT_FLEISS.ravel(), np.repeat(np.arange(6), 4)) == pytest.approx(0.1657, abs=5e-4)


def test_agreement_is_not_correlation() -> None:
    """One judge adds 1: r = 1, but of rows (0, 1), (1, 2), (2, 3): MSR 2, MSC 1.5, MSE 0, ICC = 2/(2 + 1)."""
    both = np.array([[0.0, 1], [1, 2], [2, 3]])
    assert icc_agreement(both, range(3), seed=0, resamples=20).value == pytest.approx(2 / 3)
    assert icc_agreement(both[:, :1], range(3), seed=0).n == 0
    assert icc_agreement(np.ones((3, 2)), range(3), seed=0).n == 0


def test_retest_with_unequal_numbers_on_known_reliability() -> None:
    """Subjects with variance 1, noise with variance 1/3: reliability 0.75; those measured once say nothing."""
    rng = np.random.default_rng(0)
    subjects = np.repeat(np.arange(3000), rng.integers(1, 5, size=3000))
    values = rng.normal(size=3000)[subjects] + rng.normal(scale=math.sqrt(1 / 3), size=len(subjects))
    assert icc_retest(values, subjects) == pytest.approx(0.75, abs=0.02)
    assert math.isnan(icc_retest(np.array([1.0, 2]), [0, 1])) and math.isnan(icc_retest(np.ones(4), [0, 0, 1, 1]))


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=20))
def test_tau_is_that_of_scipy(pairs: list[tuple[int, int]]) -> None:
    x, y = np.array(pairs, dtype=float).T
    found = kendall_tau(x, y, range(len(x)))
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        assert found.n == 0
    else:
        assert found.value == pytest.approx(distributions.kendalltau(x, y).statistic, abs=1e-9)


def test_the_interval_of_tau_covers_a_known_one() -> None:
    """Two normal measures with r = 0.5 have τ = 2/π·arcsin 0.5 = 1/3."""
    rng, held = np.random.default_rng(2), 0
    for _ in range(100):
        x, y = rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], size=60).T
        found = kendall_tau(x, y, range(60))
        held += found.ci_low <= 1 / 3 <= found.ci_high
    assert held >= 89


def test_bland_altman_by_hand() -> None:
    """Differences 1, 2, 3: bias 2, standard deviation 1, limits 0.04 and 3.96."""
    found = bland_altman(np.zeros(3), np.array([1.0, 2, 3]), range(3), seed=0)
    assert (found.bias.value, found.low, found.high) == pytest.approx((2, 0.04, 3.96))


def test_halves_agree_where_systems_differ_and_do_not_where_they_are_alike() -> None:
    rng = np.random.default_rng(0)
    apart = np.array([0.0, 0.5, 1.0, 1.5]) + rng.normal(size=(400, 4))
    alike = rng.normal(size=(400, 4))
    assert split_half(apart, range(400), seed=0)[1] > 0.9
    assert split_half(alike, range(400), seed=0)[1] < 0
    assert all(math.isnan(v) for v in split_half(apart[:, :2], range(400), seed=0))
