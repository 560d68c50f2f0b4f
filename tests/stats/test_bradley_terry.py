"""Strengths from wins: by hand, on simulated matches of known strength, and where somebody never loses."""

import math

import numpy as np
import pytest

from veracity.stats.bradley_terry import ELO, elo, item_wins, rank_draws, rating_draws, strengths


def test_two_systems_by_hand() -> None:
    """Three wins to one are odds of 3: θ_a − θ_b = ln 3, that is 400·log10 3 = 190.8 Elo points."""
    theta = strengths(np.array([[0.0, 3], [1, 0]]), virtual=0)
    assert theta[0] - theta[1] == pytest.approx(math.log(3))
    assert np.diff(elo(theta))[0] == pytest.approx(-190.8, abs=0.05) and elo(theta).mean() == pytest.approx(1000)
    # with one drawn match more: 3.5 to 1.5
    theta = strengths(np.array([[0.0, 3], [1, 0]]))
    assert theta[0] - theta[1] == pytest.approx(math.log(3.5 / 1.5))


def test_who_never_loses_has_a_finite_strength() -> None:
    theta = strengths(np.array([[0.0, 50], [0, 0]]))
    assert theta[0] - theta[1] == pytest.approx(math.log(50.5 / 0.5))


def test_items_where_one_is_missing_are_no_match_and_ties_are_half() -> None:
    wins = item_wins(np.array([[0.2, 0.5, np.nan], [0.4, 0.4, 0.1]]), sign=-1)  # lower is better
    assert wins[0].tolist() == [[0, 1, 0], [0, 0, 0], [0, 0, 0]]
    assert wins[1].tolist() == [[0, 0.5, 0], [0.5, 0, 0], [1, 1, 0]]


def test_known_strengths_come_back_and_intervals_cover_them() -> None:
    """Gumbel noise on strengths gives the model's probabilities exactly; 4,000 items, strengths 0, 0.5, 1.2."""
    rng, true = np.random.default_rng(3), np.array([0.0, 0.5, 1.2])
    values = true + rng.gumbel(size=(4000, 3))
    wins = item_wins(values, sign=1)
    ratings, draws = rating_draws(wins, np.arange(4000), seed=0, resamples=300)
    expected = 1000 + ELO * (true - true.mean())
    assert ratings == pytest.approx(expected, abs=12)
    low, high = np.quantile(draws, [0.005, 0.995], axis=0)
    assert (low <= expected).all() and (expected <= high).all()
    assert draws.shape == (300, 3) and np.abs(draws.mean(axis=1) - 1000).max() < 1e-6


def test_ranks_of_draws() -> None:
    assert rank_draws(np.array([[0.1, 0.3, 0.2], [0.5, 0.5, 0.9]]), 1).tolist() == [[3, 1, 2], [2.5, 2.5, 1]]
    assert rank_draws(np.array([[0.1, 0.3, 0.2]]), -1).tolist() == [[1, 3, 2]]
