"""Correlations against values by hand, against SciPy, and on simulated data of known truth."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as distributions

from veracity.stats.correlation import disattenuated, fisher_interval, pearson, residuals, spearman, within


def test_pearson_and_spearman_by_hand() -> None:
    """x = 1, 2, 3, 4 and y = 1, 3, 2, 8: Σdxdy = 10, r = 10/√(5·29) = 0.8305; ranks 1, 3, 2, 4: ρ = 1 − 6·2/60."""
    x, y = np.array([1.0, 2, 3, 4]), np.array([1.0, 3, 2, 8])
    assert pearson(x, y, range(4), seed=0, resamples=50).value == pytest.approx(10 / math.sqrt(5 * 29))
    assert spearman(x, y, range(4), seed=0, resamples=50).value == pytest.approx(0.8)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=3, max_size=20))
def test_spearman_with_ties_is_that_of_scipy(pairs: list[tuple[int, int]]) -> None:
    x, y = np.array(pairs, dtype=float).T
    found = spearman(x, y, range(len(x)), seed=0, resamples=2)
    if np.ptp(x) == 0 or np.ptp(y) == 0:
        assert found.n == 0
    else:
        assert found.value == pytest.approx(distributions.spearmanr(x, y).statistic, abs=1e-9)


def test_ranks_are_taken_anew_in_each_draw() -> None:
    """Drawn twice, once and not at all, the rows (1, 5, 9) have the ranks of 1, 1, 5."""
    from veracity.stats.correlation import _Ranks

    drawn = _Ranks(np.array([1.0, 5.0, 9.0])).of(np.array([[2.0, 1.0, 0.0]]))
    assert drawn[0].tolist() == [1.0, 2.5, 3.0]  # middle ranks less 1/2: (1 + 2)/2 − 1/2, 3 − 1/2


def test_the_interval_covers_a_known_correlation_where_rows_share_sources() -> None:
    """r = 0.5, sources of 4 rows that share most of x and y: the interval by source holds r in about 95 of 100 runs."""
    rng, held, naive, runs = np.random.default_rng(1), 0, 0, 120
    for run in range(runs):
        shared = rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], size=60).repeat(4, axis=0) * math.sqrt(0.8)
        own = rng.multivariate_normal([0, 0], [[1, 0.5], [0.5, 1]], size=240) * math.sqrt(0.2)
        x, y = (shared + own).T
        by_source = pearson(x, y, np.repeat(np.arange(60), 4), seed=run, resamples=200)
        low, high = fisher_interval(by_source.value, 240)
        held += by_source.ci_low <= 0.5 <= by_source.ci_high
        naive += low <= 0.5 <= high
    assert held / runs > 0.89 and naive / runs < 0.8


def test_within_groups_and_given_controls() -> None:
    assert within(np.array([1.0, 3, 10, 20]), ["a", "a", "b", "b"]).tolist() == [-1, 1, -5, 5]
    assert within(np.array([[1.0, 0], [3, 2]]), ["a", "a"]).tolist() == [[-1, -1], [1, 1]]
    x = np.arange(6.0)
    assert np.abs(residuals(2 * x + 1, x[:, None])).max() < 1e-12
    # two measures that share nothing but a third: r = 0.5 as they are, 0 given it
    rng = np.random.default_rng(0)
    length = rng.normal(size=20_000)
    a, b = length + rng.normal(size=20_000), length + rng.normal(size=20_000)
    assert np.corrcoef(a, b)[0, 1] == pytest.approx(0.5, abs=0.02)
    left = [residuals(side, length[:, None]) for side in (a, b)]
    assert np.corrcoef(*left)[0, 1] == pytest.approx(0, abs=0.02)


def test_fisher_and_attenuation_by_hand() -> None:
    """artanh 0.5 = 0.5493; ± 1.96/√(28 − 3) = 0.392: tanh 0.1573 = 0.1560 and tanh 0.9413 = 0.7358."""
    assert fisher_interval(0.5, 28) == pytest.approx((0.1560, 0.7358), abs=2e-4)
    assert all(math.isnan(end) for end in fisher_interval(0.5, 3))
    assert disattenuated(0.3, 0.5, 0.72) == pytest.approx(0.5)
    assert math.isnan(disattenuated(0.3, 0.0, 0.5))
    with pytest.raises(ValueError, match="two values a row"):
        pearson(np.ones(3), np.ones(2), range(3), seed=0)
